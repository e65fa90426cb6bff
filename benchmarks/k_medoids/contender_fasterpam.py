"""FasterPAM of the package kmedoids, from random medoids, over a float32 matrix of distances."""

from __future__ import annotations

import kmedoids
from sklearn.metrics import pairwise_distances

MAY_BE_WRONG = "distances in float32 hide small exchanges"
AT_MOST = 20_000, "it needs N x N distances"


def solve(problem):
    distances = pairwise_distances(problem.X)
    result = kmedoids.fasterpam(
        distances, problem.k, init="random", random_state=0, n_cpu=problem.n_threads
    )
    return result.medoids
