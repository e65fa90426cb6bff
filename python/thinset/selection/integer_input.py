"""Converts labels and row numbers of any supported form to int64."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.selection.host_array import NotAnArrayError, check_dense, is_tensor, read_array

if TYPE_CHECKING:
    from numpy.typing import NDArray


def as_labels(labels: object, n_rows: int) -> NDArray[np.int64] | None:
    """Classes (N,). Booleans become the classes 0 and 1. None stays None."""
    if labels is None:
        return None
    array = _read(labels, "labels")
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    numbered = "numpy.unique(labels, return_inverse=True)[1] numbers the classes"
    classes = _as_int64(array, "labels", dict.fromkeys("OUST", numbered))
    if len(classes) != n_rows:
        raise ValueError(
            f"labels must have one entry per row: expected {n_rows}, got {len(classes)}"
        )
    return classes


def as_row_numbers(rows: object, name: str) -> NDArray[np.int64]:
    """Row numbers in the given order; the caller checks their range."""
    return _as_int64(
        _read(rows, name), name, {"b": f"numpy.flatnonzero({name}) gives the rows of a mask"}
    )


def read_integers(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    """(N,) int64 of an integer array of any width; booleans become 0 and 1."""
    return _as_int64(array.view(np.uint8) if array.dtype == np.bool_ else array, name, {})


def sequence_as_list(values: object) -> object:
    """A list in place of a sequence of another library, such as a column of a dataset."""
    is_known = isinstance(values, (str, bytes, bytearray, memoryview, list, tuple, range))
    return list(values) if isinstance(values, Sequence) and not is_known else values


def _read(values: object, name: str) -> NDArray[Any]:
    values = sequence_as_list(values)
    if isinstance(values, (str, bytes, os.PathLike)):
        raise ValueError(f"{name} must be integers, got {values!r}; numpy.load reads a .npy file")
    if isinstance(values, (list, tuple, range)):
        try:
            return np.asarray(values)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ValueError(f"{name} must be a 1-D sequence of integers: {error}") from None
    if is_tensor(values):
        check_dense(values, name)
        try:
            values = values.cpu()
        except RuntimeError as error:  # on the device "meta" a tensor has no values
            raise ValueError(f"{name} cannot be read as an array: {error}") from None
    try:
        return read_array(values, name, _check_type_of(name)).values
    except NotAnArrayError:
        raise ValueError(
            f"{name} must be an array, a tensor or a list of integers, got {type(values).__name__}"
        ) from None


def _check_type_of(name: str) -> Any:
    """A function that refuses types without a numpy name; others are refused with their values."""

    def check_type(type_name: str, kind: str) -> None:
        of_torch = kind == "tensor"
        is_other_tensor = of_torch and not type_name.startswith(("int", "uint", "bool"))
        if is_other_tensor or type_name == "bfloat16":
            cast = "long()" if of_torch else "astype('int64')"
            raise ValueError(f"{name} must be integers, got {type_name}; pass {name}.{cast}")

    return check_type


def _as_int64(array: NDArray[Any], name: str, advice: dict[str, str]) -> NDArray[np.int64]:
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-D, got shape {array.shape}")
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        missing = first_missing(array)
        if missing is not None:
            raise ValueError(
                f"{name} must be integers: entry {missing} is missing ({array[missing]}); remove "
                "such rows or give them a number"
            )
        convert = advice.get(array.dtype.kind, f"convert them with {name}.astype('int64')")
        raise ValueError(f"{name} must be integers, got {array.dtype}; {convert}")
    if array.dtype == np.uint64 and int(array.max()) >= 2**63:
        raise ValueError(f"{name} must be below 2**63, got {array.max()}")
    return np.ascontiguousarray(array, dtype=np.int64)


def first_missing(array: NDArray[Any]) -> int | None:
    """The first missing entry; frames mark these with NaN, None or a type of their own."""
    if array.dtype.kind == "f":
        missing = np.isnan(array)
    elif array.dtype.kind in "OT":
        missing = np.array([value is None or _is_na(value) for value in array])
    else:
        return None
    return int(np.argmax(missing)) if missing.any() else None


def _is_na(value: object) -> bool:
    return type(value).__name__ in {"NAType", "NaTType"} or (
        isinstance(value, float) and math.isnan(value)
    )
