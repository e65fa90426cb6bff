"""Reads weights that any program wrote: safetensors, or a state dict of torch. Runs no pickle."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.parameter import is_lazy

from thinset.files.regular import open_regular
from thinset.training.loop.checkpoint import read_safetensors

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from torch import nn

_TORCH_STARTS = (b"PK\x03\x04", b"\x80")  # a zip archive; a pickle, as of torch before 1.6
_SAVE = "save the weights alone, with torch.save(module.state_dict(), FILE) or as safetensors"
_MOST_NAMES = 4


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """Tensors by name, on the CPU, from a safetensors file or a state dict of `torch.save`.

    The content decides which of both it is, not the suffix. Files of torch are loaded with
    `weights_only=True`, which runs no code. Raises OSError if the file cannot be read, and
    ValueError, naming it, if it is damaged or holds anything but tensors by name.
    """
    path = Path(path)
    with open_regular(path) as file:
        start = file.read(9)
    if start[8:] == b"{":  # after the length of the header, which may begin as a pickle does
        return read_safetensors(path)[0]
    if not start.startswith(_TORCH_STARTS):
        raise ValueError(
            f"{path} is not a file of tensors alone, or is damaged: it begins neither as "
            "safetensors nor as a state dict of torch.save"
        )
    content = _read_torch_file(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold tensors by name, got {type(content).__name__}; {_SAVE}")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            inner = (
                f"; if {name!r} is the state dict, save that alone: torch.save(content[{name!r}], "
                "FILE)"
                if isinstance(value, dict)
                else f"; {_SAVE}"
            )
            raise ValueError(
                f"{path} must hold tensors by name, but its entry {name!r} is of type "
                f"{type(value).__name__}{inner}"
            )
        if not _is_dense(value):
            raise ValueError(
                f"{path}: tensor {name!r} must be dense, with values and not quantised; got "
                f"{_described(value)}"
            )
    return content


def load_state(module: nn.Module, path: str | os.PathLike[str]) -> None:
    """Copy the weights in the file `path` into `module`, strictly.

    Floats of another precision are converted. Raises as `read_state_dict` does, and ValueError,
    naming tensors and shapes, unless the file has exactly the tensors of `module.state_dict()`.
    """
    tensors = read_state_dict(path)
    require_plain_state(module)
    expected = module.state_dict()
    for name in expected.keys() & tensors.keys():
        if expected[name].is_floating_point() != tensors[name].is_floating_point():
            raise ValueError(
                f"{path}: tensor {name!r} must be {expected[name].dtype}, got {tensors[name].dtype}"
            )
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(
            f"{path} does not hold the weights of this {type(module).__name__}: "
            f"{_differences(expected, tensors) or error}"
        ) from error


def require_plain_state(module: nn.Module) -> None:
    """Raise ValueError unless the state of `module` consists of dense tensors with values."""
    for name, value in module.state_dict().items():
        if isinstance(value, torch.Tensor) and is_lazy(value):
            fault = "has no shape yet; use layers that are not lazy, or call the module once first"
        elif not _is_dense(value):
            fault = f"must be a dense tensor with values, not quantised; got {_described(value)}"
        else:
            continue
        raise ValueError(f"{type(module).__name__}: {name!r} {fault}")


def _is_dense(value: object) -> bool:
    return (
        isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        and not value.is_meta
        and not value.is_quantized
    )


def _described(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype}, {value.layout}, on device {value.device}"
    return type(value).__name__


def _read_torch_file(path: Path) -> Any:
    try:
        with warnings.catch_warnings(), open_regular(path) as file:
            warnings.simplefilter("ignore")  # on the form of files that are refused anyway
            # Not by its path: a suffix may change how torch reads it.
            return torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - damaged files raise errors of any type
        raise ValueError(
            f"{path} is not a file of tensors alone, or is damaged ({_reason(error)}). Code in it "
            f"is never run; {_SAVE}"
        ) from None


def _reason(error: Exception) -> str:
    """What torch found, without its advice to load the file in a way that runs code."""
    text = str(error)
    found = re.search(r"GLOBAL (\S+)", text)
    if found is not None:
        return f"it names {found[1]}"
    first = (text.splitlines() or [""])[0].split(". ")[0]
    return first or type(error).__name__


def _differences(expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]) -> str:
    """Missing and unexpected names and other shapes, in words; empty if there are none."""
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    shapes = [
        f"{name} must have shape {tuple(expected[name].shape)}, got {tuple(found[name].shape)}"
        for name in expected
        if name in found and expected[name].shape != found[name].shape
    ]
    parts = []
    if missing:
        parts.append(f"missing: {_listed(_with_shapes(missing, expected))}")
    if unexpected:
        parts.append(f"unexpected: {_listed(_with_shapes(unexpected, found))}")
    if shapes:
        parts.append(f"other shapes: {_listed(shapes)}")
    return "; ".join([*parts, *_advice(missing, unexpected)])


def _with_shapes(names: Iterable[str], tensors: Mapping[str, torch.Tensor]) -> list[str]:
    return [f"{name} {tuple(tensors[name].shape)}" for name in names]


def _listed(texts: list[str]) -> str:
    more = f" and {len(texts) - _MOST_NAMES} more" if len(texts) > _MOST_NAMES else ""
    return ", ".join(texts[:_MOST_NAMES]) + more


def _advice(missing: list[str], unexpected: list[str]) -> list[str]:
    """What to do if the names differ by a prefix: one network wraps the other."""
    for longer, shorter, which in (
        (missing, unexpected, "the module"),
        (unexpected, missing, "the file"),
    ):
        for name in shorter[:1]:
            wrapped = next((other for other in longer if other.endswith(f".{name}")), None)
            if wrapped is not None:
                prefix = wrapped.removesuffix(name)
                advice = (
                    f"the names of {which} begin with {prefix!r} and the others do not: return the "
                    "network itself, with its preprocessing beside it or in a subclass, or rename "
                    "the tensors"
                )
                return [advice]
    return []
