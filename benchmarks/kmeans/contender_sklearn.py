"""KMeans with Lloyd's algorithm, then one pass that finds the nearest member of every cluster."""

from __future__ import annotations

from sklearn.cluster import KMeans

from kmeans.problem import nearest_members


def solve(problem):
    return solve_with(KMeans, problem)


def solve_with(kind, problem):
    """By KMeans, or by a class with its interface."""
    model = kind(
        problem.k,
        init=problem.X[problem.start],
        n_init=1,
        max_iter=problem.n_iterations,
        tol=0,
        algorithm="lloyd",
    )
    clusters = model.fit_predict(problem.X)
    squared = ((problem.X - model.cluster_centers_[clusters]) ** 2).sum(1)
    return nearest_members(clusters, squared)
