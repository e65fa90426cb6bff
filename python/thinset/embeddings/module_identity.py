"""A digest of what a network computes besides its weights: its layers, settings and source files.

Weights alone do not identify an encoder: with another size or another mean of its preprocessing,
the same weights give other embeddings.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import hashlib
import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterable

_OF_TORCH = frozenset(vars(nn.Module()))  # hooks, parameters and others; state dicts hold values
_TORCH = Path(torch.__file__).parent
_DEEPEST = 4


def code_fingerprint(*parts: object) -> str:
    """SHA-256 of modules, functions and other objects as they compute; equal in every process.

    Of each module and its submodules: type and attributes, as far as these are plain values,
    tensors, arrays, functions, containers of them or objects of such attributes. And the content
    of the files that define these types and functions. Not part of it: what state dicts hold, files
    that those files import, and torch.
    """
    description = _Description()
    content = [description.of(part) for part in parts]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for source in sorted(_digests(description.files)):
        digest.update(source.encode())
    return digest.hexdigest()


class _Description:
    """Turns objects into JSON-able content that is the same in every process.

    `files`: the source files of the types and functions that were met.
    """

    def __init__(self) -> None:
        self.files: set[str] = set()
        self._seen: set[int] = set()

    def of(self, value: Any, depth: int = 0) -> Any:
        if value is None or isinstance(value, (bool, int, float, str)):
            return repr(value)
        if isinstance(value, enum.Enum):
            return str(value)
        if isinstance(value, (np.ndarray, torch.Tensor)):
            return _digest_of_array(value)
        if inspect.isroutine(value) or isinstance(value, type):
            self._add_source(value)
            name = getattr(value, "__qualname__", type(value).__qualname__)
            return f"{getattr(value, '__module__', '')}.{name}"
        self._add_source(type(value))
        kind = type(value).__qualname__
        if depth == _DEEPEST or id(value) in self._seen:
            return kind
        self._seen.add(id(value))  # objects may refer to each other
        if isinstance(value, nn.Module):
            children = {name: self.of(child, depth) for name, child in value.named_children()}
            # State dicts, which have fingerprints of their own, leave these out.
            hidden = {
                name: _digest_of_array(buffer)
                for name, buffer in value.named_buffers(recurse=False)
                if name in value._non_persistent_buffers_set  # noqa: SLF001 - nothing public says it
            }
            return [kind, self._attributes(value, depth), hidden, children]
        if isinstance(value, (list, tuple)):
            return [self.of(item, depth + 1) for item in value]
        if isinstance(value, (set, frozenset)):
            return sorted(json.dumps(self.of(item, depth + 1)) for item in value)
        if isinstance(value, dict):
            return {str(key): self.of(item, depth + 1) for key, item in value.items()}
        if isinstance(value, functools.partial):
            parts = (value.func, value.args, value.keywords)
            return [kind, *(self.of(part, depth + 1) for part in parts)]
        return [kind, self._attributes(value, depth)]

    def _attributes(self, value: Any, depth: int) -> dict[str, Any]:
        left_out = _OF_TORCH if isinstance(value, nn.Module) else ()
        return {
            name: self.of(attribute, depth + 1)
            for name, attribute in getattr(value, "__dict__", {}).items()
            if name not in left_out
        }

    def _add_source(self, value: Any) -> None:
        try:
            file = inspect.getsourcefile(value)
        except (TypeError, OSError):  # built in, or typed into a session
            return
        # Another version of torch computes the same up to rounding.
        if file is not None and not Path(file).is_relative_to(_TORCH):
            self.files.add(file)


def _digest_of_array(value: np.ndarray[Any, Any] | torch.Tensor) -> str:
    kind = f"{value.dtype} {tuple(value.shape)}"
    try:
        array = value.detach().cpu().double().numpy() if isinstance(value, torch.Tensor) else value
    except (RuntimeError, TypeError):  # sparse, complex or without values
        return kind
    if array.dtype.hasobject:
        return kind
    return f"{kind} {hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()}"


def _digests(files: Iterable[str]) -> list[str]:
    digests = []
    for file in files:
        with contextlib.suppress(OSError):  # in an archive
            digests.append(hashlib.sha256(Path(file).read_bytes()).hexdigest())
    return digests
