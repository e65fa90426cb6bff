"""Class labels: what is accepted, and how it becomes int64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

MOST_CLASSES = 1_000_000
"""Without class names, a larger label is taken for damage: models and reports hold one entry for
each class, so that one wrong label could ask for terabytes."""


def require_labels(
    labels: np.ndarray[Any, Any], n_classes: int | None = None, *, first_row: int = 0
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Check class labels (N,) of any integer dtype and return them as int64.

    Labels start at 0 and, where `n_classes` is given, end at n_classes - 1. `first_row` is where in
    a longer array these labels start, for the message. Raises ValueError naming the first row at
    fault.
    """
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be integers of shape (N,), got {labels.dtype} of shape {labels.shape}"
        )
    # Compared before the conversion: a large uint64 would wrap round to a negative int64.
    limit = np.iinfo(np.int64).max if n_classes is None else n_classes - 1
    wrong = (labels < 0) | (labels > limit)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"labels must be in 0..{limit}, got {labels[row]} in row {first_row + row}"
        )
    return np.ascontiguousarray(labels, dtype=np.int64)


def require_stored_labels(
    labels: np.ndarray[Any, np.dtype[np.int64]], n_classes: int | None, path: Path
) -> None:
    """Check the labels of a stored dataset; ValueError names `path`, the row and the bound.

    Where the number of classes is not known, labels must be below MOST_CLASSES or the number of
    samples, whichever is larger.
    """
    limit = max(MOST_CLASSES, len(labels)) if n_classes is None else n_classes
    # Minimum and maximum need no temporary array of the size of a large memory map.
    if labels.min() >= 0 and labels.max() < limit:
        return
    row = int(((labels < 0) | (labels >= limit)).argmax())
    reason = (
        f"without class names, labels must be below {limit:,}"
        if n_classes is None
        else f"the dataset has {limit} classes"
    )
    raise ValueError(f"{path}: label {labels[row]} in row {row} is not in 0..{limit - 1}: {reason}")
