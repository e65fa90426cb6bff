"""`max_sum`: in each round, the row of every part with the largest summed distance to all picks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset import _core
from thinset.distributed.exact.dispersion import DispersedRows, Dispersion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from thinset.distributed.engine import Engine
    from thinset.distributed.held_rows import HeldRows
    from thinset.distributed.messages import Arrays


class RowsBySum(DispersedRows):
    """Knows the summed distances of its rows, as far as they matter."""

    def __init__(self, rows: HeldRows, n_samples: int, metric: str, n_threads: int) -> None:
        super().__init__(rows, n_samples, metric, n_threads)
        self._part = _core.MaxSumPart(rows.matrix.values, n_samples, metric=metric, **self._request)

    def pick(self, rows: NDArray[np.int64], points: NDArray[np.float64]) -> Arrays:
        self._part.pick(points, self.own_rows(rows))
        return ()

    def best(self, rows: NDArray[np.int64], points: NDArray[np.float64]) -> Arrays:
        """After these picks: the largest sum (1,), its row (1,) and values (1, D); or none."""
        self.pick(rows, points)
        sums, best, found = self._part.best()
        return sums, best + self._rows.part.first_row, found


class MaxSum(Dispersion):
    """Two rounds to start, then one for every pick."""

    work = RowsBySum

    def step(self, engine: Engine) -> bool:
        if not self.rows:
            self.start(engine)
        else:
            answers = engine.call("best", *self.unsent())
            self.mark_sent()
            # The first of equal sums is that of the lower part, whose rows are lower.
            sums, rows, points = max(
                (answer for answer in answers if len(answer[0])), key=lambda found: found[0][0]
            )
            self.take(int(rows[0]), float(sums[0]), points[0])
        return len(self.rows) == self.request.n_samples
