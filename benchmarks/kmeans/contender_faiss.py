"""faiss's clustering, then its flat index finds the nearest centre of every row."""

from __future__ import annotations

import faiss
import numpy as np

from kmeans.problem import nearest_members


def solve(problem):
    n_rows, n_columns = problem.X.shape
    model = faiss.Kmeans(
        n_columns,
        problem.k,
        niter=problem.n_iterations,
        # It would train on fewer rows otherwise, and warn of clusters that are small.
        max_points_per_centroid=n_rows,
        min_points_per_centroid=1,
    )
    model.train(problem.X, init_centroids=problem.X[problem.start])
    squared, clusters = model.index.search(problem.X, 1)
    return nearest_members(clusters[:, 0], np.maximum(squared[:, 0], 0))
