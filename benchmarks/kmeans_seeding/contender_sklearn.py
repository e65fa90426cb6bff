"""kmeans_plusplus with one candidate per seed, as in the definition."""

from __future__ import annotations

from sklearn.cluster import kmeans_plusplus


def solve(problem):
    _, rows = kmeans_plusplus(problem.X, problem.k, n_local_trials=1, random_state=0)
    return rows
