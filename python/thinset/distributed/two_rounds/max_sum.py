"""Two-round `max_sum`: greedy coresets, with a bound on the best sum over all rows.

That the union of good subsets of the parts holds a good subset of all rows is shown by Indyk et al.
2014, "Composable Core-sets for Diversity and Coverage Maximization". Here the certificate says how
good the answer is on this data.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from thinset.distributed.held_rows import widened
from thinset.distributed.two_rounds.coresets import CoresetRows, TwoRounds
from thinset.selection.figures import ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset.distributed.engine import Engine
    from thinset.distributed.messages import Arrays

_ROWS_AT_ONCE = 8192


class SpreadRows(CoresetRows):
    """Also measures how far its rows are from one point."""

    def spread(self, centre: NDArray[np.float64], k: NDArray[np.int64]) -> Arrays:
        """The k largest squared distances of rows (cosine: of directions) to `centre`."""
        largest = np.zeros(0)
        for array in self.rows.matrix.arrays:
            for begin in range(0, len(array), _ROWS_AT_ONCE):
                block = widened(array[begin : begin + _ROWS_AT_ONCE], self.rows.part.dtype)
                apart = np.square(directed(block, self.metric) - centre).sum(axis=1)
                largest = np.concatenate([largest, apart])
                if len(largest) > int(k):
                    largest = np.partition(largest, -int(k))[-int(k) :]
        return (largest,)


class TwoRoundMaxSum(TwoRounds):
    """Steps of TwoRounds; the distances of all rows to one point bound every sum."""

    work = SpreadRows

    def measure(self, engine: Engine) -> None:
        points = self.points_of(np.array(self.rows, np.int64), engine)
        k = len(points)
        chosen = self._matrix([points])
        self._sum = 0.0
        if k > 1:
            self._sum = chosen.figure(
                "sum_of_pairwise_distances", np.arange(k), metric=self.request.metric
            )
        centre = directed(self.widened(points), self.request.metric).mean(axis=0)
        answers = engine.call("spread", centre, np.array(k))
        squares = np.concatenate([largest for (largest,) in answers])
        squares = np.sort(np.partition(squares, -k)[-k:])  # in order, so that sums have one value
        self._bound = bound_of_sum(squares, self.request.metric, self.parts[0].n_columns)

    def figures(self) -> tuple[dict[str, float], dict[str, float]]:
        if len(self.rows) < 2:
            return {}, {}
        return {"sum_of_pairwise_distances": self._sum}, {
            "upper_bound_of_sum_of_pairwise_distances": self._bound,
            "share_of_best_possible_sum": ratio(self._sum, self._bound),
        }


def bound_of_sum(squares: NDArray[np.float64], metric: str, n_columns: int) -> float:
    """No k rows have a larger sum of pairwise distances.

    squares: the k largest squared distances of rows to any one point c. The squared distances of k
    rows add up to k times those to their mean, hence to at most k times those to c. The sum of
    k (k - 1) / 2 Euclidean distances is at most the root of their number times the sum of their
    squares; and, by the triangle inequality, at most k - 1 times the distances to c.
    """
    k = len(squares)
    rounding = 1 + (n_columns + k + 16) * 2.0**-51
    of_squares = k * float(squares.sum())
    if metric == "sqeuclidean":
        return of_squares * rounding
    if metric == "cosine":
        return of_squares / 2 * rounding + k * k * (n_columns + 16) * 2.0**-51
    through_centre = (k - 1) * float(np.sqrt(squares).sum())
    return min(math.sqrt(k * (k - 1) / 2 * of_squares), through_centre) * rounding


def directed(rows: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    """For cosine, the rows scaled to norm 1."""
    if metric != "cosine":
        return rows
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms == 0, 1, norms)
