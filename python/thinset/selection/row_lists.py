"""Lists of rows of numbers, copied into an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Above this, float64 does not represent every integer.
LARGEST_EXACT_INTEGER = 2**53


def matrix_of_rows(rows: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
    """Copy rows of Python numbers into a matrix (N, D), float64.

    Raises ValueError for rows of different lengths, and for values that are not numbers or that
    float64 cannot represent exactly.
    """
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(
                f"embeddings must have rows of one length: row {number} has {len(row)} elements, "
                f"row 0 has {len(rows[0])}"
            )
    matrix = np.empty((len(rows), len(rows[0])))
    for number, row in enumerate(rows):
        values = _as_numbers(row, number)
        matrix[number] = values
    return matrix


def _as_numbers(row: Sequence[Any], number: int) -> NDArray[Any]:
    try:
        values = np.asarray(row)
    except (ValueError, TypeError, RuntimeError):
        values = np.empty(0, object)
    if values.shape == (len(row),) and values.dtype.kind == "f":
        return values
    if len(row) == 0:
        return np.empty(0)
    if values.shape == (len(row),) and values.dtype.kind in "iu" and _exact(values):
        return values
    for column, value in enumerate(row):
        if not _is_number(value):
            what = repr(value) if isinstance(value, (str, bytes, bool)) else type(value).__name__
            raise ValueError(
                f"embeddings must hold numbers: row {number}, column {column} holds {what}"
            )
    raise ValueError(
        f"embeddings must hold numbers that float64 represents exactly: row {number} has an "
        "integer of 2**53 or more; pass floats"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _exact(values: NDArray[Any]) -> bool:
    return bool(values.max() <= LARGEST_EXACT_INTEGER and values.min() >= -LARGEST_EXACT_INTEGER)
