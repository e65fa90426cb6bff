"""`max_min`: in each round, the furthest rows of every part; as many picks as these prove.

A part sends its furthest rows, in order. Whatever it does not send is no further than the last of
these, and later picks only bring rows nearer. A row that is still ahead of the last one of every
part, after the picks of this round, is therefore the next pick of one machine.

Every part answers in every round, though a bound may prove that it does not hold the next pick.
Without those, measured, the bytes of answers were 10 to 17 % fewer, but rounds 2 to 12 times as
many: the bound of a part that did not answer is stale, and ends the picks of a round earlier. The
work does not change, because the parts leave out rows by the same bounds (docs/distributed.md).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from thinset import _core
from thinset.distributed.exact.dispersion import DispersedRows, Dispersion
from thinset.distributed.two_rounds.max_min import radius_figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset.distributed.engine import Engine
    from thinset.distributed.held_rows import HeldRows
    from thinset.distributed.messages import Arrays

_SENT = 16
"""Rows of each part in a round."""


class FurthestRows(DispersedRows):
    """Knows the distance of its rows to the nearest pick, as far as it matters."""

    def __init__(self, rows: HeldRows, n_samples: int, metric: str, n_threads: int) -> None:
        super().__init__(rows, n_samples, metric, n_threads)
        self._part = _core.MaxMinPart(rows.matrix.values, n_samples, metric=metric, **self._request)

    def pick(self, rows: NDArray[np.int64], points: NDArray[np.float64]) -> Arrays:
        self._part.pick(points, self.own_rows(rows))
        return ()

    def furthest(
        self, rows: NDArray[np.int64], points: NDArray[np.float64], n_sent: NDArray[np.int64]
    ) -> Arrays:
        """After these picks: ranks (m,), the highest first, rows (m,) and values (m, D)."""
        self.pick(rows, points)
        values, best, found = self._part.best(int(n_sent))
        return values, best + self._rows.part.first_row, found


class MaxMin(Dispersion):
    """Two rounds to start, then one for every few picks, and one for the covering radius."""

    work = FurthestRows
    first_gain = math.inf

    def step(self, engine: Engine) -> bool:
        if not self.rows:
            self.start(engine)
            return False
        if len(self.rows) == self.request.n_samples:
            answers = engine.call("furthest", *self.unsent(), np.array(1))
            furthest = max((float(rank) for ranks, _, _ in answers for rank in ranks), default=0.0)
            self._radius = self._distance(furthest)
            return True
        answers = engine.call("furthest", *self.unsent(), np.array(_SENT))
        self.mark_sent()
        self._take_proved(answers)
        return False

    def _take_proved(self, answers: list[Arrays]) -> None:
        values = np.concatenate([ranks for ranks, _, _ in answers])
        rows = np.concatenate([best for _, best, _ in answers])
        points = np.concatenate([found for _, _, found in answers])
        # The first that a part did not send comes after the last that it did.
        ends = [(-ranks[-1], best[-1]) for ranks, best, _ in answers if len(ranks) == _SENT]
        end = min(ends, default=(math.inf, 0))
        while len(self.rows) < self.request.n_samples and len(values):
            first = int(np.lexsort((rows, -values))[0])
            if (-values[first], rows[first]) > end:
                return
            self.take(int(rows[first]), self._distance(float(values[first])), points[first])
            measured = _core.ranks(points, points[first], metric=self.request.metric)
            others = np.arange(len(rows)) != first
            values = np.minimum(values, measured)[others]
            rows, points = rows[others], points[others]

    def figures(self) -> tuple[dict[str, float], dict[str, float]]:
        return radius_figures(
            self.gains,
            self._radius,
            self.gains[-1],
            self.request.metric,
            self.parts[0].n_columns,
        )

    def _distance(self, rank: float) -> float:
        return math.sqrt(rank) if self.request.metric == "euclidean" else rank
