"""Two-round `max_min`: the composable coreset of greedy k-center.

With coresets of k rows the covering radius is at most 4 times the best (Malkomes et al. 2015, "Fast
Distributed k-Center Clustering with Outliers on Massive Data"), and 2 + epsilon times as coresets
grow (Ceccarello, Pietracaprina, Pucci 2019, "Solving k-center Clustering (with Outliers) in
MapReduce and Streaming, almost as Accurately as Sequentially"). On most data it is much nearer;
the certificates say how near.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from thinset import _core
from thinset.distributed.two_rounds.coresets import CoresetRows, TwoRounds
from thinset.selection.figures import ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset.distributed.engine import Engine
    from thinset.distributed.messages import Arrays


class CoveredRows(CoresetRows):
    """Also measures how far its rows are from chosen ones."""

    def radius(self, points: NDArray[np.float64]) -> Arrays:
        """The largest distance of a row to the nearest of all `points` but the last, and of all.

        The first is infinite if there is one point.
        """
        held = self.rows.matrix
        part = _core.MaxMinPart(
            held.values,
            len(points),
            metric=self.metric,
            n_threads=self.n_threads,
            bfloat16=held.is_bfloat16,
        )
        radii = [math.inf]
        for some in (points[:-1], points[-1:]):
            if len(some):
                part.pick(some, np.full(len(some), -1))
                ranks, _, _ = part.best(1)
                radii.append(float(ranks[0]))
        distances = np.array(radii[-2:])
        return (np.sqrt(distances) if self.metric == "euclidean" else distances,)


class TwoRoundMaxMin(TwoRounds):
    """Steps of TwoRounds; the covering radius, over all rows, bounds the best possible."""

    work = CoveredRows

    def measure(self, engine: Engine) -> None:
        points = self.points_of(np.array(self.rows, np.int64), engine)
        answers = engine.call("radius", self.widened(points))
        self._radius_before, self._radius = np.max([radii for (radii,) in answers], axis=0).tolist()

    def figures(self) -> tuple[dict[str, float], dict[str, float]]:
        return radius_figures(
            self.gains,
            self._radius,
            self._radius_before,
            self.request.metric,
            self.parts[0].n_columns,
        )


def radius_figures(
    gains: list[float], radius: float, radius_before: float, metric: str, n_columns: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Objective and certificates of rows whose gains are the distances to the nearest row before.

    radius, radius_before: covering radius of all rows, and of all but the last one.

    The rows and the one furthest from them are k + 1 rows, all at least `apart` from each other. Of
    any k balls that cover all rows, one has two of these, so that its radius is at least half of
    that. And of any k rows, two are in one ball around the k - 1 first rows, so that they are at
    most twice its radius apart. Squared and cosine distances are squares of Euclidean ones (between
    directions, halved): a half becomes a quarter. All are widened by what rounding may change.
    """
    relative = (n_columns + 16) * 2.0**-51
    absolute = relative if metric == "cosine" else 0.0
    factor = 2.0 if metric == "euclidean" else 4.0
    objective = {"covering_radius": radius}
    certificates = {}
    apart = radius
    if len(gains) > 1:
        smallest = min(gains[1:])
        apart = min(radius, smallest)
        bound = factor * (radius_before * (1 + relative) + absolute)
        objective["smallest_pairwise_distance"] = smallest
        certificates["upper_bound_of_smallest_pairwise_distance"] = bound
        certificates["share_of_best_possible_smallest_distance"] = ratio(smallest, bound)
    lower = max(0.0, apart * (1 - relative) - absolute) / factor
    certificates["lower_bound_of_covering_radius"] = lower
    certificates["covering_radius_over_best_possible"] = ratio(radius, lower)
    return objective, certificates
