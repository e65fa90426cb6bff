"""Arguments with an entry for each row, or with row numbers, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.selection.arguments import shown
from thinset.selection.host_array import NotAnArrayError, is_tensor, read_array
from thinset.selection.integer_input import (
    as_row_numbers,
    first_missing,
    read_integers,
    sequence_as_list,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


def as_groups(groups: object, n_rows: int) -> NDArray[np.int64] | None:
    """One number per row, equal for equal groups, from integers or text. None stays None."""
    if groups is None:
        return None
    array = _as_names(groups, "groups")
    if array.ndim == 1 and array.dtype.kind in "US":
        _require_length(array, "groups", n_rows)
        return np.unique(array, return_inverse=True)[1].astype(np.int64)
    if array.ndim == 1 and array.size > 0 and array.dtype.kind not in "iub":
        raise ValueError(
            f"groups must be integers or text, got {array.dtype}; list(map(str, groups)) makes "
            "text of them"
        )
    numbers = read_integers(array, "groups")
    _require_length(numbers, "groups", n_rows)
    return numbers


def as_ids(ids: object, n_rows: int) -> NDArray[Any] | None:
    """The user's names of the rows: (N,) integers or text, all different. None stays None."""
    if ids is None:
        return None
    array = _as_names(ids, "ids")
    if array.ndim != 1 or array.dtype.kind not in "iuUS":
        raise ValueError(
            f"ids must be 1-D integers or text, got {array.dtype} of shape {array.shape}; "
            "list(map(str, ids)) makes text of them"
        )
    _require_length(array, "ids", n_rows)
    order = np.argsort(array, kind="stable")
    same = np.flatnonzero(array[order[1:]] == array[order[:-1]])
    if len(same):
        first, second = sorted(order[same[0] : same[0] + 2].tolist())
        raise ValueError(
            f"ids must all be different: rows {first} and {second} both have "
            f"{shown(array[first].item())}; join on row numbers, or make the ids unique"
        )
    return array


def _as_names(values: object, name: str) -> NDArray[Any]:
    """An array in which texts of any type are those of numpy; one that holds None is refused."""
    values = sequence_as_list(values)
    array = _as_array(values, name)
    if array.ndim == 1 and array.dtype.kind in "US" and isinstance(values, (list, tuple)):
        _require_texts(values, name, str if array.dtype.kind == "U" else bytes)
    if array.ndim == 1 and array.dtype.kind in "OTf":
        _require_no_missing(array, name)
    is_text = array.dtype.kind == "O" and all(isinstance(value, str) for value in array.flat)
    # numpy converts its own type of texts (StringDType) only by way of lists.
    if is_text or array.dtype.kind == "T":
        values = array.tolist()
        array = np.array(values, np.str_)
    if array.ndim == 1 and array.dtype.kind in "US" and isinstance(values, (list, tuple)):
        _require_unchanged(array, values, name)
    return array


def _require_no_missing(array: NDArray[Any], name: str) -> None:
    missing = first_missing(array)
    if missing is not None:
        raise ValueError(
            f"{name} must have an entry for every row: row {missing} has {array[missing]}; give "
            "the row one of its own"
        )


def _require_unchanged(array: NDArray[Any], values: Sequence[Any], name: str) -> None:
    """Refuse texts that end with null characters, which numpy drops: others would be equal."""
    null = "\0" if array.dtype.kind == "U" else b"\0"
    changed = next((row for row, value in enumerate(values) if value.endswith(null)), None)
    if changed is not None:
        raise ValueError(
            f"{name} must not end with null characters: row {changed} has "
            f"{shown(values[changed])}; strip them"
        )


def _require_texts(values: Sequence[object], name: str, kind: type) -> None:
    """Refuse what numpy would make texts of: 1, b"1" and "1" would be equal, NaN would be "nan"."""
    others = [row for row, value in enumerate(values) if not isinstance(value, kind)]
    if others:
        _require_no_missing(np.array(values, dtype=object), name)
        raise ValueError(
            f"{name} must be all integers or all text: row {others[0]} has "
            f"{shown(values[others[0]])} among texts; list(map(str, {name})) makes text of all"
        )


def _as_array(values: object, name: str) -> NDArray[Any]:
    if isinstance(values, (str, bytes)):
        raise ValueError(f"{name} must have one entry per row, got {shown(values)}")
    values = sequence_as_list(values)
    if isinstance(values, (list, tuple, range)):
        try:
            return np.asarray(values)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ValueError(f"{name} must be a 1-D sequence: {error}") from None
    try:
        if is_tensor(values):
            values = values.cpu()
        return read_array(values, name, _check_type_of(name)).values
    except NotAnArrayError:
        raise ValueError(
            f"{name} must be an array, a tensor or a list, got {type(values).__name__}"
        ) from None


def _check_type_of(name: str) -> Callable[[str, str], None]:
    """A function that refuses bfloat16, which numpy would read as its bits."""

    def check_type(type_name: str, kind: str) -> None:
        if type_name == "bfloat16":
            cast = "float()" if kind == "tensor" else "astype('float32')"
            raise ValueError(f"{name} must not be bfloat16; pass {name}.{cast}")

    return check_type


def _require_length(array: NDArray[Any], name: str, n_rows: int) -> None:
    if len(array) != n_rows:
        raise ValueError(f"{name} must have one entry per row: expected {n_rows}, got {len(array)}")


def as_rows(rows: object, name: str, n_rows: int) -> NDArray[np.int64]:
    """Row numbers in [0, N), also of a mask (N,) or a Selection."""
    from thinset.selection.result import Selection

    array = rows.indices if isinstance(rows, Selection) else _as_array(rows, name)
    if array.dtype != np.bool_:
        numbers = as_row_numbers(array, name)
        require_rows(numbers, name, n_rows)
        return numbers
    if array.shape != (n_rows,):
        raise ValueError(
            f"{name} as a mask must have one entry per row: expected shape ({n_rows},), got "
            f"{array.shape}"
        )
    return np.flatnonzero(array).astype(np.int64)


def as_initial_rows(initial_subset: object, n_rows: int) -> NDArray[np.int64] | None:
    """Row numbers in [0, N), also of a Selection, in their order. None stays None."""
    if initial_subset is None:
        return None
    from thinset.selection.result import Selection

    if isinstance(initial_subset, Selection):
        initial_subset = initial_subset.indices
    initial = as_row_numbers(initial_subset, "initial_subset")
    require_rows(initial, "initial_subset", n_rows)
    return initial


def require_rows(numbers: NDArray[np.int64], name: str, n_rows: int) -> None:
    """Raise ValueError, naming the first, for row numbers that are not in [0, N)."""
    outside = np.flatnonzero((numbers < 0) | (numbers >= n_rows))
    if len(outside):
        position = int(outside[0])
        raise ValueError(
            f"{name} must hold rows in [0, {n_rows}): position {position} holds {numbers[position]}"
        )


def as_numbers(values: object, name: str, n_rows: int) -> NDArray[np.float64]:
    """One number per row, as float64."""
    array = _as_array(values, name)
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-D, got shape {array.shape}")
    if array.dtype.kind == "O":
        _require_no_missing(array, name)
    if array.dtype.kind not in "iufb":
        raise ValueError(
            f"{name} must be numbers, got {array.dtype}; convert them with {name}.astype('float64')"
        )
    _require_length(array, name, n_rows)
    return np.ascontiguousarray(array, dtype=np.float64)


def require_finite(values: NDArray[np.float64], rule: str, advice: str) -> None:
    """Raise ValueError, naming the first row, for NaN and infinity."""
    not_finite = np.flatnonzero(~np.isfinite(values))
    if len(not_finite):
        row = int(not_finite[0])
        raise ValueError(f"{rule}: row {row} has {values[row]}; {advice}")
