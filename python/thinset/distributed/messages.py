"""What travels between machines, and what checkpoints hold: tuples of arrays, as bytes.

A message is a line of JSON with the element types and shapes, then the values. No pickle.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Arrays: TypeAlias = "tuple[NDArray[Any], ...]"


def n_bytes(arrays: Sequence[NDArray[Any]]) -> int:
    """How much of a message is values."""
    return sum(array.nbytes for array in arrays)


def as_bytes(arrays: Sequence[NDArray[Any]]) -> bytes:
    """The message of some arrays of numbers or text."""
    header = json.dumps([[array.dtype.str, list(array.shape)] for array in arrays])
    return b"\n".join(
        [header.encode(), b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)]
    )


def from_bytes(message: bytes) -> Arrays:
    """The arrays of a message."""
    header, values = message.split(b"\n", 1)
    arrays = []
    at = 0
    for dtype, shape in json.loads(header):
        kind = np.dtype(dtype)
        size = kind.itemsize * int(np.prod(shape, dtype=np.int64))
        # A copy, so that it may be written to.
        arrays.append(np.frombuffer(values[at : at + size], kind).reshape(shape).copy())
        at += size
    return tuple(arrays)
