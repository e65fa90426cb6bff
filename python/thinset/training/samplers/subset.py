"""The rows of a subset, in whatever form they are given."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence


class Selected(Protocol):
    """Selected rows of a dataset, such as a thinset.Selection."""

    @property
    def indices(self) -> np.ndarray[Any, Any]: ...
    @property
    def n_total(self) -> int: ...


Indices: TypeAlias = (
    "Sequence[int] | Sequence[bool] | np.ndarray[Any, Any] | torch.Tensor | Selected"
)
"""Row numbers, a boolean mask with a value for each row, or a thinset.Selection."""


def subset_rows(indices: Indices, n_total: int) -> torch.Tensor:
    """Return the rows that `indices` names: int64 (k,), in the given order.

    Raises ValueError for what is empty, of another dataset's length, out of range or repeated.
    """
    values: Any = indices
    if hasattr(values, "n_total"):
        if values.n_total != n_total:
            raise ValueError(
                f"the selection was made from {values.n_total} samples, but the dataset has "
                f"{n_total}"
            )
        values = values.indices
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    array = np.asarray(values)
    if array.dtype == np.bool_ and array.ndim == 1:
        if len(array) != n_total:
            raise ValueError(
                f"a mask must have a value for each of the {n_total} samples, got {len(array)}"
            )
        array = np.flatnonzero(array)
        if not array.size:
            raise ValueError("the mask selects no sample; at least one must be True")
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise ValueError(
            "indices must be one row of at least one integer, a mask of booleans, or a Selection "
            f"(thinset.Selection.load reads a saved one), got {array.dtype} of shape {array.shape}"
        )
    _require_in_range(array, n_total)
    return torch.from_numpy(array.astype(np.int64))


def whole_number(name: str, value: Any, meaning: str) -> int:
    """Return `value` as an int; ValueError if it is an array, a dataset or a fraction."""
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    shape = getattr(value, "shape", None)
    got = repr(value) if isinstance(value, bool | float | str) else type(value).__name__
    if shape is not None:
        got += f" of shape {tuple(shape)}"
    raise ValueError(f"{name} must be {meaning}, an int, got {got}")


def _require_in_range(array: np.ndarray[Any, Any], n_total: int) -> None:
    outside = np.flatnonzero((array < 0) | (array >= n_total))
    if outside.size:
        first = outside[0]
        raise ValueError(
            f"indices must be in 0..{n_total - 1}, got {array[first]} at position {first}"
        )
    values, counts = np.unique(array, return_counts=True)
    if len(values) < len(array):
        value = values[counts > 1][0]
        first, second = np.flatnonzero(array == value)[:2]
        raise ValueError(f"indices must not repeat, got {value} at positions {first} and {second}")
