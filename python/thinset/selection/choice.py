"""Which rows may be chosen, and on what terms: the arguments that all methods share."""

from __future__ import annotations

import contextlib
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.selection.arguments import is_int, is_real, one_of, shown
from thinset.selection.columnar_input import has_columns
from thinset.selection.matrix_input import as_matrix
from thinset.selection.row_arguments import as_groups, as_numbers, as_rows, require_finite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from thinset.selection.matrix_input import HostMatrix


@dataclass(frozen=True, eq=False)
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

    @functools.cached_property
    def keywords(self) -> Mapping[str, Any]:
        """Those that were given."""
        return {
            name: value.values if name == "existing" else value
            for name in NAMES
            if (value := getattr(self, name)) is not None and value is not False
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

    @functools.cached_property
    def settings(self) -> Mapping[str, Any]:
        """What `Selection.params` records: numbers as given, and the sizes of arrays."""
        recorded = {}
        for name, value in self.keywords.items():
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
    arguments: Mapping[str, object],
    *,
    column: object = None,
    existing_column: object = None,
) -> Choice:
    """Convert the arguments of `select` that are in a `Choice`, by name.

    Raises ValueError for a wrong type, length or value; the core checks the rest.
    """
    default = vars(_EVERYTHING)
    given = {name: value for name, value in arguments.items() if value is not default[name]}
    if not given and existing_column is None:
        return _EVERYTHING
    existing = as_other_rows(
        given.pop("existing", None), "existing", matrix, column, existing_column
    )
    converted = {name: _CONVERSIONS[name](value, name, matrix) for name, value in given.items()}
    return Choice(existing=existing, **converted)


def as_other_rows(
    rows: object, name: str, matrix: HostMatrix, column: object, own_column: object
) -> HostMatrix | None:
    """Embeddings of other samples, of the element type of `matrix`. None stays None.

    column: that of `matrix`, which is also that of rows in a file or table without `own_column`.
    """
    if rows is None:
        if own_column is not None:
            raise ValueError(f"{name}_column needs {name}, embeddings in a file, table or frame")
        return None
    if own_column is None and has_columns(rows):
        own_column = column
    try:
        others = as_matrix(rows, own_column)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if others.dtype_name != matrix.dtype_name:
        raise ValueError(
            f"{name} must have the element type of the embeddings: expected {matrix.dtype_name}, "
            f"got {others.dtype_name}; pass {name}.astype('{matrix.dtype_name}') or its like"
        )
    return others


def _as_real(value: object, name: str) -> float:
    # float() of an integer that float64 cannot hold overflows.
    with contextlib.suppress(OverflowError):
        if is_real(value) and not math.isnan(number := float(value)):
            return number
    raise ValueError(f"{name} must be a number, got {shown(value)}")


def _as_positive(value: object, name: str) -> int:
    if not is_int(value) or not 1 <= value < 2**63:
        raise ValueError(f"{name} must be an int of at least 1, got {shown(value)}")
    return int(value)


def _as_bool(value: object, name: str) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


# (value, name, matrix) -> the value as the core takes it.
_CONVERSIONS: dict[str, Callable[[Any, str, HostMatrix], Any]] = {
    "exclude": lambda value, name, matrix: as_rows(value, name, matrix.shape[0]),
    "among": lambda value, name, matrix: as_rows(value, name, matrix.shape[0]),
    "cover": lambda value, name, _: one_of(("all", "candidates"), value, name),
    "scores": lambda value, name, matrix: as_numbers(value, name, matrix.shape[0]),
    "score_weight": lambda value, name, _: _as_real(value, name),
    "min_score": lambda value, name, _: _as_real(value, name),
    "groups": lambda value, _, matrix: as_groups(value, matrix.shape[0]),
    "max_per_group": lambda value, name, _: _as_positive(value, name),
    "whole_groups": lambda value, name, _: _as_bool(value, name),
    "one_per_group_first": lambda value, name, _: _as_bool(value, name),
    "costs": lambda value, name, matrix: as_numbers(value, name, matrix.shape[0]),
    "budget": lambda value, name, _: _as_real(value, name),
    "min_distance": lambda value, name, _: _as_real(value, name),
}

NAMES: Sequence[str] = tuple(Choice.__dataclass_fields__)
"""The keywords of `select` that are in a Choice"""

_EVERYTHING = Choice()
