"""KMeans with Lloyd's algorithm, then one pass that finds the nearest member of every cluster."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning


def solve(problem):
    model = KMeans(
        problem.k,
        init="k-means++",
        n_init=1,
        max_iter=problem.n_iterations,
        tol=0,
        random_state=0,
        algorithm="lloyd",
    )
    with warnings.catch_warnings():
        # It is told to end after ten iterations.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = model.fit_predict(problem.X)
    squared = ((problem.X - model.cluster_centers_[clusters]) ** 2).sum(1)
    order = np.lexsort((squared, clusters))
    _, first = np.unique(clusters[order], return_index=True)
    return order[first]
