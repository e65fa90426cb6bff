"""Tensors and JSON metadata in one file that is replaced whole and carries its own digest."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from thinset.files.atomic import atomic_file
from thinset.files.regular import require_regular

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

FORMAT = "thinset-checkpoint"
VERSION = 1
_KEY = "thinset"
# At the end of that entry: several entries would come in an order that changes from file to file.
_DIGEST = ', "sha256": "{}"}}'
_WITH_DIGEST = re.compile(r'(.*), "sha256": "([0-9a-f]{64})"\}', re.DOTALL)


def write_tensors(
    path: str | os.PathLike[str],
    tensors: Mapping[str, torch.Tensor],
    content: dict[str, Any],
) -> None:
    """Write tensors and a JSON-able `content` as one safetensors file, atomically.

    Killed at any moment, `path` holds the previous file or the new one. Raises ValueError where
    `content` holds NaN or infinity, and OSError if the file cannot be written.
    """
    header = {"format": FORMAT, "version": VERSION, "content": content}
    text = json.dumps(header, allow_nan=False)
    # Separate copies on the CPU: safetensors accepts neither views nor shared memory.
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    metadata = {_KEY: text.removesuffix("}") + _DIGEST.format(_digest(text, copies))}
    # Not save_file: a kill would leave its temporary file behind, and it does not raise OSError.
    data = save(copies, metadata)
    with atomic_file(path) as partial:
        partial.write_bytes(data)


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote: tensors on the CPU, and the content.

    Raises OSError if the file cannot be read, and ValueError, naming it, if it is damaged,
    has changed since it was written, is another kind of file or of another version. Files of
    earlier versions, which state no digest, are read as they are.
    """
    path = Path(path)
    tensors, text = read_safetensors(path)
    if text is None:
        raise ValueError(f"{path} was not written by thinset: its header has no {_KEY!r} entry")
    return tensors, _content(text, path)


def read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], str | None]:
    """Read any safetensors file: tensors on the CPU, and what `write_tensors` adds to its header.

    The latter is None for files of others; otherwise it is the JSON text without its digest, which
    is checked. Raises as `read_tensors` does.
    """
    require_regular(path)  # safetensors' own errors for missing files do not name the file
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, RuntimeError, KeyError, OverflowError) as error:
        # Torch and safetensors raise many kinds of errors for damaged headers.
        raise ValueError(f"{path} is damaged or no safetensors file: {error}") from error
    text = metadata.get(_KEY)
    if text is None:
        return tensors, None
    found = _WITH_DIGEST.fullmatch(text)
    if found is not None:
        text = found[1] + "}"
        if found[2] != _digest(text, tensors):
            raise ValueError(
                f"{path} has changed since it was written: its tensors and content do not have the "
                "SHA-256 that its header states"
            )
    return tensors, text


def prefixed(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of one part under names that begin with `prefix`."""
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def unprefixed(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors that `prefixed` named, under their own names."""
    return {
        name.removeprefix(f"{prefix}/"): value
        for name, value in tensors.items()
        if name.startswith(f"{prefix}/")
    }


def _content(text: str, path: Path) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: its {_KEY!r} entry is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise ValueError(f"{path} is damaged: its {_KEY!r} entry is not a JSON object")
    if (header.get("format"), header.get("version")) != (FORMAT, VERSION):
        raise ValueError(
            f"{path} must be {FORMAT} version {VERSION}, "
            f"got {header.get('format')} version {header.get('version')}"
        )
    if header.keys() != {"format", "version", "content"}:
        raise ValueError(
            f"{path} has changed since it was written: its SHA-256 is missing or incomplete"
        )
    content = header.get("content")
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: its content must be a JSON object, got {content!r}")
    return content


def _digest(text: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over the content as text and over names, types, shapes and values of the tensors."""
    digest = hashlib.sha256(text.encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
