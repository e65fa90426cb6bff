"""submodlib's lazy greedy over a matrix of similarities, C - distance."""

from __future__ import annotations

import numpy as np
from submodlib import FacilityLocationFunction

from distance_matrix import pairwise_distances

MAY_BE_WRONG = "similarities in float32 swap near ties"
AT_MOST = 10_000, "it needs N x N similarities"


def solve(problem):
    distances = pairwise_distances(problem.X)
    objective = FacilityLocationFunction(
        n=len(distances), mode="dense", separate_rep=False, sijs=distances.max() - distances
    )
    picks = objective.maximize(
        budget=problem.k,
        optimizer="LazyGreedy",
        stopIfZeroGain=False,
        stopIfNegativeGain=False,
        show_progress=False,
    )
    return np.array([row for row, _ in picks])
