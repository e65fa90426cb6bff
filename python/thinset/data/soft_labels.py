"""Soft labels: a probability for each class, where a class number would say too little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from thinset.data.store import Dataset

    Array = np.ndarray[Any, Any]

LARGEST_ERROR = 1e-3
"""How far the sum of a row may be from 1"""

_BYTES_PER_PIECE = 1 << 24


def require_soft_labels(values: Array, *, first_row: int = 0) -> np.ndarray[Any, np.dtype[Any]]:
    """Check soft labels (B, C) of any floating-point dtype and return them as float32.

    Each row must be at least 0 and sum to 1 within LARGEST_ERROR. `first_row` is where in a longer
    array these rows start, for the message. Raises ValueError naming the first row at fault.
    """
    if values.ndim != 2 or values.shape[1] == 0 or values.dtype.kind != "f":
        raise ValueError(
            "soft_labels must be floating-point numbers of shape (B, C), one column for each "
            f"class, got {values.dtype} of shape {values.shape}"
        )
    with np.errstate(over="ignore"):  # what becomes infinite is refused below
        rows = np.ascontiguousarray(values, dtype=np.float32)
    fault = _first_fault(rows, first_row)
    if fault is not None:
        raise ValueError(f"soft_labels: {fault}")
    return rows


def require_stored_soft_labels(values: Array, path: Path) -> None:
    """Check the soft labels (N, C) of a stored dataset; ValueError names `path` and the row.

    They are read in pieces and never held in memory as a whole.
    """
    n_rows = max(1, _BYTES_PER_PIECE // (values.itemsize * values.shape[1]))
    for start in range(0, len(values), n_rows):
        fault = _first_fault(values[start : start + n_rows], start)
        if fault is not None:
            raise ValueError(f"{path}: {fault}")


def class_numbers(dataset: Dataset) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """The class of each sample: its label or, with soft labels alone, the most probable class.

    Of equally probable classes the lowest counts. None if the dataset has neither.
    """
    values = dataset.soft_labels
    if dataset.labels is not None or values is None:
        return dataset.labels
    classes = np.empty(len(values), np.int64)
    n_rows = max(1, _BYTES_PER_PIECE // (values.itemsize * values.shape[1]))
    for start in range(0, len(values), n_rows):
        classes[start : start + n_rows] = values[start : start + n_rows].argmax(axis=1)
    return classes


def _first_fault(rows: Array, first_row: int) -> str | None:
    with np.errstate(invalid="ignore"):  # NaN fails every comparison
        sums = rows.sum(axis=1, dtype=np.float64)
        good = (rows >= 0).all(axis=1) & (np.abs(sums - 1) <= LARGEST_ERROR)
        if good.all():
            return None
        row = int(good.argmin())
        possible = (rows[row] >= 0) & (rows[row] < np.inf)
    where = f"row {first_row + row}"
    if not possible.all():
        column = int(possible.argmin())
        return (
            f"{where} holds {rows[row, column]} in column {column}, but soft labels must be finite "
            "and at least 0"
        )
    return (
        f"{where} sums to {sums[row]:g}, but the soft labels of a sample must sum to 1 "
        f"(within {LARGEST_ERROR:g})"
    )
