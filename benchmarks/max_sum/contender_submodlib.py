"""submodlib's DisparitySum with its naive greedy optimiser, over a matrix of similarities."""

from __future__ import annotations

import numpy as np
from submodlib import DisparitySumFunction

from dispersion_reference import furthest_from_mean
from distance_matrix import pairwise_distances

MAY_BE_WRONG = "similarities in float32 swap near ties"
AT_MOST = 2_000, "it needs N x N similarities, as Python numbers"


def solve(problem):
    n_rows = len(problem.X)
    # Nothing has a gain at first, so that it starts with the row that it looks at first: the last.
    order = np.arange(n_rows)
    start = furthest_from_mean(problem.X)
    order[start], order[-1] = order[-1], order[start]
    distances = pairwise_distances(problem.X[order])
    similarities = 1 - distances / distances.max()
    objective = DisparitySumFunction(n=n_rows, mode="dense", sijs=similarities)
    picks = objective.maximize(
        budget=problem.k,
        optimizer="NaiveGreedy",
        stopIfZeroGain=False,
        stopIfNegativeGain=False,
        show_progress=False,
    )
    return order[[row for row, _ in picks]]
