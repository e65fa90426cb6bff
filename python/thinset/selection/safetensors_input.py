"""Tensors in safetensors files, mapped where they are.

The format: 8 bytes with the length of the header, the header (JSON), the tensors' bytes.
"""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.files.regular import open_regular
from thinset.selection.column_choice import choose
from thinset.selection.scratch import ScratchMatrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LONGEST_HEADER = 100_000_000  # the limit of the format's own library
_TYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
_BYTES_AT_ONCE = 1 << 24


class SafetensorsTensor:
    """The embeddings in one safetensors file: a tensor (N, D) of floats.

    bfloat16 values are read as their bits in uint16. Opening reads the header.
    """

    def __init__(self, path: str, column: object) -> None:
        self._path = path
        with open_regular(path) as file:
            length = os.fstat(file.fileno()).st_size
            tensors, start = _header(file, length)
        fitting = [
            name
            for name, entry in tensors.items()
            if _type(entry) in _TYPES and len(_shape(entry, name)) == 2
        ]
        name: str = choose(column, fitting, list(tensors), repr(path), "tensor")
        entry = tensors[name]
        shape = _shape(entry, name)
        if _type(entry) not in _TYPES:
            raise ValueError(
                f"the tensor {name!r} must be F16, BF16, F32 or F64, got {_type(entry)}; save it "
                "with tensor.float()"
            )
        if len(shape) != 2:
            raise ValueError(
                f"the tensor {name!r} must have two dimensions (rows, elements), got shape {shape}"
            )
        self.dtype_name = _TYPES[_type(entry)]
        self._stored = np.dtype(np.uint16 if self.dtype_name == "bfloat16" else self.dtype_name)
        self.shape = (shape[0], shape[1])
        self._offset = start + self._place(name, entry, length - start)

    def arrays(self) -> list[NDArray[Any]]:
        """Map the tensor; one that does not start at a multiple of its element's size is copied."""
        if 0 in self.shape:
            return [np.empty(self.shape, self._stored)]
        n_bytes = math.prod(self.shape) * self._stored.itemsize
        mapped = np.memmap(self._path, np.uint8, "r", self._offset, (n_bytes,))
        if self._offset % self._stored.itemsize == 0:
            return [mapped.view(self._stored).reshape(self.shape)]
        row_bytes = self.shape[1] * self._stored.itemsize
        step = max(1, _BYTES_AT_ONCE // row_bytes)
        with ScratchMatrix(self._stored, self.shape) as scratch:
            for row in range(0, self.shape[0], step):
                block = mapped[row * row_bytes : (row + step) * row_bytes].copy()
                scratch.append(block.view(self._stored).reshape(-1, self.shape[1]))
            return [scratch.matrix()]

    def _place(self, name: str, entry: dict[str, Any], n_bytes: int) -> int:
        offsets = entry.get("data_offsets")
        n_expected = math.prod(self.shape) * self._stored.itemsize
        if (
            not isinstance(offsets, list)
            or len(offsets) != 2
            or not all(type(offset) is int for offset in offsets)
            or not 0 <= offsets[0] <= offsets[1]
            or offsets[1] - offsets[0] != n_expected
        ):
            raise ValueError(
                f"the header is damaged: the tensor {name!r} of {n_expected:,} bytes has the "
                f"offsets {str(offsets)[:80]}"
            )
        if offsets[1] > n_bytes:
            raise ValueError(
                f"the file is truncated: the tensor {name!r} ends at byte {offsets[1]:,} of the "
                f"data, of which {max(n_bytes, 0):,} are there"
            )
        return int(offsets[0])


def _header(file: Any, length: int) -> tuple[dict[str, dict[str, Any]], int]:
    """The entry of each tensor, and the byte that the data start at."""
    size = int.from_bytes(file.read(8), "little")
    if length < 8 or not 2 <= size <= min(_LONGEST_HEADER, length - 8):
        raise ValueError(
            f"it is no safetensors file, or truncated: a header of {size:,} bytes in a file of "
            f"{length:,}"
        )
    try:
        header = json.loads(file.read(size))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its safetensors header is damaged: {error}") from None
    if not isinstance(header, dict):
        raise ValueError("its safetensors header must be a JSON object")
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if not isinstance(entry, dict):
            raise ValueError(f"its safetensors header is damaged at the tensor {name!r}")
    return header, 8 + size


def _type(entry: dict[str, Any]) -> str:
    return str(entry.get("dtype"))


def _shape(entry: dict[str, Any], name: str) -> tuple[int, ...]:
    shape = entry.get("shape")
    if not isinstance(shape, list) or not all(
        type(length) is int and 0 <= length < 2**63 for length in shape
    ):
        raise ValueError(f"its safetensors header is damaged: the shape of the tensor {name!r}")
    return tuple(shape)
