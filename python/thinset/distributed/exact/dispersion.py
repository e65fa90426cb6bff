"""What `max_min` and `max_sum` share: where they start, and the picks that all parts follow.

They start at the row furthest from the mean of all rows. Columns are summed without rounding, so
that the mean does not depend on the parts. Then every part measures its rows against every pick.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset import _core
from thinset.distributed.algorithm import Algorithm
from thinset.distributed.engine import Call
from thinset.selection.arguments import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from thinset.distributed.algorithm import Request
    from thinset.distributed.engine import Engine
    from thinset.distributed.held_rows import HeldRows
    from thinset.distributed.messages import Arrays
    from thinset.distributed.shards import Part


class DispersedRows(abc.ABC):
    """The rows of one part, measured against the picks of all parts."""

    def __init__(self, rows: HeldRows, n_samples: int, metric: str, n_threads: int) -> None:
        self._rows = rows
        self._n_samples = n_samples
        self._request: dict[str, Any] = {
            "n_threads": n_threads,
            "bfloat16": rows.matrix.is_bfloat16,
        }
        self._metric = metric

    def columns(self) -> Arrays:
        """Lowest and highest value of each column (D,), and its exact sum (D, digits)."""
        matrix = self._rows.matrix.values
        low, high = _core.column_range(matrix, **self._request)
        return low, high, _core.exact_column_sums(matrix, **self._request)

    def furthest_from_mean(self, sums: NDArray[np.int64], n_total: NDArray[np.int64]) -> Arrays:
        """The first of the rows furthest from the mean of all: its number (1,), values (1, D)."""
        row = _core.furthest_from_mean(
            self._rows.matrix.values, sums, int(n_total), metric=self._metric, **self._request
        )
        number = np.array([row], np.int64)
        (point,) = self._rows.points(number)
        return number + self._rows.part.first_row, point

    def own_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers inside the part; -1 for rows of other parts."""
        part = self._rows.part
        is_own = (rows >= part.first_row) & (rows < part.rows.stop)
        return np.where(is_own, rows - part.first_row, -1)

    @abc.abstractmethod
    def pick(self, rows: NDArray[np.int64], points: NDArray[np.float64]) -> Arrays:
        """Measure the rows against further picks: numbers in the whole matrix, values (m, D)."""


class Dispersion(Algorithm):
    """Picks so far, with their values, which a new worker is given again."""

    def __init__(self, request: Request, parts: Sequence[Part]) -> None:
        super().__init__(request, parts)
        if request.options["max_swaps"]:
            raise ValueError(
                "max_swaps must be 0 over shards, since exchanges measure every row against every "
                f"chosen one; got {shown(request.options['max_swaps'])}"
            )
        self._points = np.empty((request.n_samples, parts[0].n_columns))
        self._n_sent = 0
        """How many of the picks the workers know."""

    def settings(self) -> dict[str, Any]:
        return {
            "n_samples": self.request.n_samples,
            "metric": self.request.metric,
            "n_threads": self.request.n_threads,
        }

    def replay(self, part: int) -> list[Call]:  # noqa: ARG002 - all parts follow the same picks
        if self._n_sent == 0:
            return []
        return [Call("pick", self._picks(0, self._n_sent))]

    def restore(self, state: Mapping[str, NDArray[Any]], engine: Engine) -> None:
        super().restore(state, engine)
        if self.rows:
            points = self.points_of(np.array(self.rows, np.int64), engine)
            self._points[: len(self.rows)] = self.widened(points)
            engine.call("pick", *self._picks(0, len(self.rows)))
            self._n_sent = len(self.rows)

    def start(self, engine: Engine) -> None:
        """Two rounds: the mean of all rows, and the row furthest from it."""
        answers = engine.call("columns")
        low = np.min([low for low, _, _ in answers], axis=0)
        high = np.max([high for _, high, _ in answers], axis=0)
        _core.check_column_range(low, high, metric=self.request.metric)
        sums = np.sum([sums for _, _, sums in answers], axis=0)
        found = engine.call("furthest_from_mean", sums, np.array(self.n_total))
        points = np.concatenate([point for _, point in found])
        # In the order of the parts, so that ties go to the lower row.
        best = _core.furthest_from_mean(
            points,
            sums,
            self.n_total,
            metric=self.request.metric,
            bfloat16=self.parts[0].dtype == "bfloat16",
        )
        self.take(int(found[best][0][0]), self.first_gain, self.widened(points[best : best + 1])[0])

    first_gain = 0.0

    def take(self, row: int, gain: float, point: NDArray[np.float64]) -> None:
        self._points[len(self.rows)] = point
        self.rows.append(row)
        self.gains.append(gain)

    def unsent(self) -> Arrays:
        """Rows and values of the picks that the workers do not know yet."""
        return self._picks(self._n_sent, len(self.rows))

    def mark_sent(self) -> None:
        self._n_sent = len(self.rows)

    def _picks(self, begin: int, end: int) -> Arrays:
        return np.array(self.rows[begin:end], np.int64), self._points[begin:end]
