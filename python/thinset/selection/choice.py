"""Which rows may be chosen, and on what terms: the arguments that all methods share."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.selection.arguments import is_int, is_real, one_of, shown
from thinset.selection.columnar_input import has_columns
from thinset.selection.host_array import NotAnArrayError, is_tensor, read_array
from thinset.selection.integer_input import (
    as_row_numbers,
    first_missing,
    read_integers,
    sequence_as_list,
)
from thinset.selection.matrix_input import as_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from thinset.selection.matrix_input import HostMatrix


@dataclass(frozen=True)
class Choice:
    """The arguments of `select` that restrict or weigh its choice, as the core takes them."""

    exclude: NDArray[np.int64] | None = None
    among: NDArray[np.int64] | None = None
    cover: str | None = None
    existing: HostMatrix | None = None
    scores: NDArray[np.float64] | None = None
    score_weight: float | None = None
    min_score: float | None = None
    groups: NDArray[np.int64] | None = None
    max_per_group: int | None = None
    whole_groups: bool = False
    one_per_group_first: bool = False
    costs: NDArray[np.float64] | None = None
    budget: float | None = None
    min_distance: float | None = None

    def keywords(self) -> dict[str, Any]:
        """Those that were given."""
        return {
            name: value.values if name == "existing" else value
            for name, value in vars(self).items()
            if value is not None and value is not False
        }

    def candidates(self, n_rows: int) -> NDArray[np.bool_]:
        """Which rows may be chosen, as a mask (N,); ValueError if one has no finite score."""
        mask = np.ones(n_rows, dtype=bool)
        if self.among is not None:
            mask[:] = False
            mask[self.among] = True
        if self.exclude is not None:
            mask[self.exclude] = False
        if self.scores is not None:
            require_finite(
                np.where(mask, self.scores, 0.0),
                "scores must be finite",
                "give the row a score, or leave it out with exclude",
            )
            if self.min_score is not None:
                mask &= self.scores >= self.min_score
        return mask

    def settings(self) -> dict[str, Any]:
        """What `Selection.params` records: numbers as given, and the sizes of arrays."""
        recorded = {}
        for name, value in self.keywords().items():
            if isinstance(value, (bool, int, float, str)):
                recorded[name] = value
            elif name == "existing":
                shards = value if isinstance(value, list) else [value]
                recorded["n_existing"] = sum(len(shard) for shard in shards)
            elif name in {"exclude", "among"}:
                recorded[f"n_{name}"] = len(value)
            else:
                recorded[f"has_{name}"] = True
        return recorded


def as_choice(
    matrix: HostMatrix,
    *,
    exclude: object = None,
    among: object = None,
    cover: object = None,
    existing: object = None,
    scores: object = None,
    score_weight: object = None,
    min_score: object = None,
    groups: object = None,
    max_per_group: object = None,
    whole_groups: object = False,
    one_per_group_first: object = False,
    costs: object = None,
    budget: object = None,
    min_distance: object = None,
    column: object = None,
) -> Choice:
    """Convert the arguments of `select` of these names; column: that of the rows in `existing`.

    Raises ValueError for a wrong type, length or value; the core checks the rest.
    """
    n_rows = matrix.shape[0]
    return Choice(
        exclude=None if exclude is None else as_rows(exclude, "exclude", n_rows),
        among=None if among is None else as_rows(among, "among", n_rows),
        cover=None if cover is None else one_of(("all", "candidates"), cover, "cover"),
        existing=None if existing is None else as_other_rows(existing, "existing", matrix, column),
        scores=_as_numbers(scores, "scores", n_rows),
        score_weight=_as_real(score_weight, "score_weight"),
        min_score=_as_real(min_score, "min_score"),
        groups=as_groups(groups, n_rows),
        max_per_group=_as_positive(max_per_group, "max_per_group"),
        whole_groups=_as_bool(whole_groups, "whole_groups"),
        one_per_group_first=_as_bool(one_per_group_first, "one_per_group_first"),
        costs=_as_numbers(costs, "costs", n_rows),
        budget=_as_real(budget, "budget"),
        min_distance=_as_real(min_distance, "min_distance"),
    )


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
        _require_texts(values, name)
    if array.ndim == 1 and array.dtype.kind in "OTf":
        _require_no_missing(array, name)
    is_text = array.dtype.kind == "O" and all(isinstance(value, str) for value in array.flat)
    # numpy converts its own type of texts (StringDType) only by way of lists.
    return np.array(array.tolist(), np.str_) if is_text or array.dtype.kind == "T" else array


def _require_no_missing(array: NDArray[Any], name: str) -> None:
    missing = first_missing(array)
    if missing is not None:
        raise ValueError(
            f"{name} must have an entry for every row: row {missing} has {array[missing]}; give "
            "the row one of its own"
        )


def _require_texts(values: Sequence[object], name: str) -> None:
    """Refuse what numpy would make texts of: 1 and "1" would be equal, NaN would be "nan"."""
    others = [row for row, value in enumerate(values) if not isinstance(value, (str, bytes))]
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


def require_rows(numbers: NDArray[np.int64], name: str, n_rows: int) -> None:
    """Raise ValueError, naming the first, for row numbers that are not in [0, N)."""
    outside = np.flatnonzero((numbers < 0) | (numbers >= n_rows))
    if len(outside):
        position = int(outside[0])
        raise ValueError(
            f"{name} must hold rows in [0, {n_rows}): position {position} holds {numbers[position]}"
        )


def _as_numbers(values: object, name: str, n_rows: int) -> NDArray[np.float64] | None:
    return None if values is None else as_numbers(values, name, n_rows)


def as_numbers(values: object, name: str, n_rows: int) -> NDArray[np.float64]:
    """One number per row, as float64."""
    array = _as_array(values, name)
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-D, got shape {array.shape}")
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


def as_other_rows(rows: object, name: str, matrix: HostMatrix, column: object) -> HostMatrix:
    """Embeddings of other samples than those of `matrix`, of the same element type.

    column: that of `matrix`, which is also that of rows in a file or table.
    """
    try:
        others = as_matrix(rows, column if has_columns(rows) else None)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if others.dtype_name != matrix.dtype_name:
        raise ValueError(
            f"{name} must have the element type of the embeddings: expected {matrix.dtype_name}, "
            f"got {others.dtype_name}; pass {name}.astype('{matrix.dtype_name}') or its like"
        )
    return others


def _as_real(value: object, name: str) -> float | None:
    if value is None:
        return None
    # float() of an integer that float64 cannot hold overflows.
    with contextlib.suppress(OverflowError):
        if is_real(value) and not math.isnan(number := float(value)):
            return number
    raise ValueError(f"{name} must be a number, got {shown(value)}")


def _as_positive(value: object, name: str) -> int | None:
    if value is None:
        return None
    if not is_int(value) or not 1 <= value < 2**63:
        raise ValueError(f"{name} must be an int of at least 1, got {shown(value)}")
    return int(value)


def _as_bool(value: object, name: str) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


NAMES: Sequence[str] = tuple(Choice.__dataclass_fields__)
"""The keywords of `select` that are in a Choice"""
