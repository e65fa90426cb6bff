"""Selector's MaxMin over a matrix of distances; a step looks at all rows chosen so far again."""

from __future__ import annotations

from selector.methods.distance import MaxMin

from dispersion_reference import furthest_from_mean
from distance_matrix import pairwise_distances

AT_MOST = 5_000, "it needs N x N distances, and k x N of them per step"


def solve(problem):
    start = furthest_from_mean(problem.X)
    return MaxMin(ref_index=start).select(pairwise_distances(problem.X), problem.k)
