"""Whatever the user holds as an array, as a NumPy array that shares its memory where it can."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def as_array(values: Any, name: str) -> np.ndarray[Any, Any]:
    """Give an array, a tensor on any device, or a list of these or of numbers, as an array.

    Raises ValueError, calling the array `name`, for a masked array and for anything that has no
    single shape and type.
    """
    if np.ma.isMaskedArray(values):
        raise ValueError(f"{name} must not be a masked array; fill it or leave the rows out first")
    torch = sys.modules.get("torch")
    if torch is not None:
        # A tensor can only come from a torch that is loaded already.
        if isinstance(values, (list, tuple)) and values and isinstance(values[0], torch.Tensor):
            values = [as_array(value, name) for value in values]
        if isinstance(values, torch.Tensor):
            values = values.detach().cpu()
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, OverflowError) as error:
        kind = getattr(values, "dtype", type(values).__name__)
        raise ValueError(f"{name} cannot be taken as one array, got {kind}: {error}") from error
    if array.dtype.hasobject:
        raise ValueError(f"{name} must hold plain numbers, got {array.dtype}")
    return array


def as_images(values: Any) -> np.ndarray[Any, Any]:
    """Images as an array; numbers in plain lists become uint8 or float32, as they fit."""
    images = as_array(values, "images")
    if isinstance(values, (list, tuple)) and images.size:
        if (
            images.dtype == np.int64
            and images.min() >= 0
            and images.max() <= np.iinfo(np.uint8).max
        ):
            return images.astype(np.uint8)
        if images.dtype == np.float64:
            return images.astype(np.float32)
    return images


def as_row_indices(values: Any, n_rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Row numbers (k,) in any form, or a mask (n_rows,) of booleans, as int64 in 0..n_rows-1.

    Raises ValueError naming the first that is out of range, and where there is none at all.
    """
    array = as_array(values, "the selection")
    if array.dtype == np.bool_:
        if array.shape != (n_rows,):
            raise ValueError(
                f"a mask must hold one boolean for each of {n_rows} samples, "
                f"got shape {array.shape}"
            )
        array = np.flatnonzero(array)
    if array.ndim != 1 or array.dtype.kind not in "iu" or len(array) == 0:
        raise ValueError(
            "the selection must hold at least one integer index in an array of shape (k,), "
            f"got {array.dtype} of shape {array.shape}"
        )
    # Compared before the conversion: a large uint64 would wrap round to a negative int64.
    wrong = (array < 0) | (array >= n_rows)
    if wrong.any():
        position = int(wrong.argmax())
        raise ValueError(
            f"indices must be in [0, {n_rows}): position {position} holds {array[position]}"
        )
    return np.ascontiguousarray(array, dtype=np.int64)
