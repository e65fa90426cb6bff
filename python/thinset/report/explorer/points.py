"""Which samples a page shows as points, in which order, and what it says about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.report.explorer.packing import NO_POINT, packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset.report.explorer.inputs import ExplorerInputs

MAX_POINTS = 60_000
_MAX_STACKS = 1_000
_MAX_IN_STACK = 60
_STEPS = 65_535  # coordinates are whole numbers up to this


@dataclass(frozen=True)
class Points:
    """rows: (n,) the row of each point. The first n_kept were kept, in selection order.

    Then come those that only the other selection kept, in its order, up to n_chosen; then those
    that were dropped, in random order: a part of them from the front is a random sample.
    """

    rows: NDArray[np.int64]
    n_kept: int
    n_chosen: int

    def of_rows(self, rows: NDArray[np.int64], n_total: int) -> NDArray[np.int64]:
        """The points of rows; NO_POINT where a row is not shown."""
        number = np.full(n_total, NO_POINT, np.int64)
        number[self.rows] = np.arange(len(self.rows))
        return number[rows]


def choose_points(inputs: ExplorerInputs, *, seed: int = 0) -> Points:
    """All samples, or at most MAX_POINTS: kept ones first, at most four fifths of the points."""
    most_chosen = MAX_POINTS if inputs.n_total <= MAX_POINTS else MAX_POINTS * 4 // 5
    kept = inputs.indices[:most_chosen]
    is_kept = np.zeros(inputs.n_total, dtype=bool)
    is_kept[inputs.indices] = True
    others = np.zeros(0, np.int64)
    if inputs.other is not None:
        others = inputs.other.indices[~is_kept[inputs.other.indices]]
        is_kept[others] = True
        others = others[: most_chosen - len(kept)]
    dropped = np.random.default_rng(seed).permutation(np.flatnonzero(~is_kept))
    rows = np.concatenate([kept, others, dropped])[:MAX_POINTS].astype(np.int64)
    return Points(rows, len(kept), len(kept) + len(others))


def described(inputs: ExplorerInputs, points: Points) -> dict[str, Any]:
    """What the page knows about each point, for templates/explorer/data.js."""
    content: dict[str, Any] = {
        "nTotal": inputs.n_total,
        "name": inputs.name,
        "nSelected": len(inputs.indices),
        "nKept": points.n_kept,
        "nChosen": points.n_chosen,
        "rows": packed(points.rows, "uint32"),
    }
    if inputs.gains is not None:
        content["gains"] = packed(inputs.gains[: points.n_kept], "float32")
    if inputs.labels is not None:
        labels = inputs.labels[points.rows]
        content["labels"] = packed(np.where(labels < 0, _STEPS, labels), "uint16")
    if inputs.coordinates is not None:
        content |= _places(inputs.coordinates[points.rows])
    content |= _reasons(inputs, points)
    content |= _stacks(inputs, points)
    return content | _other(inputs, points)


def _places(coordinates: NDArray[np.float64]) -> dict[str, Any]:
    """Both axes on one scale, so that distances on the map compare in every direction."""
    low = coordinates.min(axis=0)
    extent = coordinates.max(axis=0) - low
    if not extent.any():  # a single place, in the middle
        middle = packed(np.full(len(coordinates), _STEPS // 2), "uint16")
        return {"x": middle, "y": middle, "extent": [1.0, 1.0]}
    unit = float(extent.max())
    steps = np.rint((coordinates - low) / unit * _STEPS)
    return {
        "x": packed(steps[:, 0], "uint16"),
        "y": packed(steps[:, 1], "uint16"),
        "extent": [max(float(size) / unit, 1e-3) for size in extent],
    }


def _reasons(inputs: ExplorerInputs, points: Points) -> dict[str, Any]:
    reasons = inputs.reasons
    if reasons is None:
        return {}
    is_dropped = np.ones(inputs.n_total, dtype=bool)
    is_dropped[inputs.indices] = False
    represented = np.bincount(reasons.nearest[is_dropped], minlength=inputs.n_total)
    dropped = points.rows[points.n_kept :]
    nearest = points.of_rows(reasons.nearest[dropped], inputs.n_total)
    return {
        "metric": reasons.metric,
        "nearest": packed(nearest, "uint32"),
        "distances": packed(reasons.distances[dropped], "float32"),
        "represented": packed(represented[points.rows[: points.n_kept]], "uint32"),
    }


def _stacks(inputs: ExplorerInputs, points: Points) -> dict[str, Any]:
    if inputs.stacks is None:
        return {}
    sizes, shown, members = [], [], []
    for group in inputs.stacks.groups[:_MAX_STACKS]:
        numbers = points.of_rows(group, inputs.n_total)
        # Points that were kept have the lowest numbers.
        numbers = np.sort(numbers[numbers != NO_POINT])[:_MAX_IN_STACK]
        sizes.append(len(group))
        shown.append(len(numbers))
        members.append(numbers)
    flat = np.concatenate([np.zeros(0, np.int64), *members])
    return {
        "stacks": {
            "sizes": packed(np.array(sizes), "uint32"),
            "shown": packed(np.array(shown), "uint32"),
            "members": packed(flat, "uint32"),
        }
    }


def _other(inputs: ExplorerInputs, points: Points) -> dict[str, Any]:
    if inputs.other is None:
        return {}
    gains = inputs.other.gains
    numbers = points.of_rows(inputs.other.indices, inputs.n_total)
    content: dict[str, Any] = {
        "name": inputs.other.name,
        "nSelected": len(numbers),
        "points": packed(numbers, "uint32"),
    }
    if gains is not None:
        content["gains"] = packed(gains, "float32")
    return {"other": content}
