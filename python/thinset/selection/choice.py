"""Which rows may be chosen, and on what terms: the arguments that all methods share."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.selection.arguments import is_int, is_real, one_of, shown
from thinset.selection.columnar_input import has_columns
from thinset.selection.matrix_input import as_matrix
from thinset.selection.row_arguments import as_groups, as_numbers, as_rows, require_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    existing_column: object = None,
) -> Choice:
    """Convert the arguments of `select` of these names.

    Raises ValueError for a wrong type, length or value; the core checks the rest.
    """
    n_rows = matrix.shape[0]
    return Choice(
        exclude=None if exclude is None else as_rows(exclude, "exclude", n_rows),
        among=None if among is None else as_rows(among, "among", n_rows),
        cover=None if cover is None else one_of(("all", "candidates"), cover, "cover"),
        existing=as_other_rows(existing, "existing", matrix, column, existing_column),
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


def _as_numbers(values: object, name: str, n_rows: int) -> NDArray[np.float64] | None:
    return None if values is None else as_numbers(values, name, n_rows)


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
