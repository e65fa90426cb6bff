"""apricot's lazy greedy over a matrix of similarities, C - distance."""

from __future__ import annotations

from apricot import FacilityLocationSelection

from distance_matrix import pairwise_distances

MAY_BE_WRONG = "sums of similarities are larger than sums of distances and round more"
AT_MOST = 10_000, "it needs N x N similarities"


def solve(problem):
    distances = pairwise_distances(problem.X)
    similarities = distances.max() - distances
    selector = FacilityLocationSelection(problem.k, metric="precomputed", optimizer="lazy")
    return selector.fit(similarities).ranking
