"""Tensors and JSON metadata in one file that is replaced whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from thinset.atomic_files import atomic_file

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import torch

FORMAT = "thinset-checkpoint"
VERSION = 1
_KEY = "thinset"


def write_tensors(
    path: str | os.PathLike[str],
    tensors: Mapping[str, torch.Tensor],
    content: dict[str, Any],
) -> None:
    """Write tensors and a JSON-able `content` as one safetensors file, atomically.

    Killed at any moment, `path` holds the previous file or the new one. Raises ValueError where
    `content` holds NaN or infinity.
    """
    header = {"format": FORMAT, "version": VERSION, "content": content}
    text = json.dumps(header, allow_nan=False)
    # Copies of their own on the CPU: safetensors takes neither views nor shared memory.
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    with atomic_file(path) as partial:
        save_file(copies, partial, metadata={_KEY: text})


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote: tensors on the CPU, and the content.

    Raises OSError where the file cannot be read, and ValueError where it is damaged, no such file
    or of another version.
    """
    path = Path(path)
    with path.open("rb"):
        pass  # safetensors' own errors for missing files do not name the file
    try:
        with safe_open(path, framework="pt") as file:
            content = _content((file.metadata() or {}).get(_KEY), path)
            return {name: file.get_tensor(name) for name in file.keys()}, content  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}") from error


def prefixed(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Put the tensors of one part under names of their own."""
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def unprefixed(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors that `prefixed` put there."""
    return {
        name.removeprefix(f"{prefix}/"): value
        for name, value in tensors.items()
        if name.startswith(f"{prefix}/")
    }


def _content(text: str | None, path: Path) -> dict[str, Any]:
    if text is None:
        raise ValueError(f"{path} was not written by thinset: its header has no {_KEY!r} entry")
    header = json.loads(text)
    if (header.get("format"), header.get("version")) != (FORMAT, VERSION):
        raise ValueError(
            f"{path} must be {FORMAT} version {VERSION}, "
            f"got {header.get('format')} version {header.get('version')}"
        )
    content: dict[str, Any] = header["content"]
    return content
