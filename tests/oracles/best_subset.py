"""The best figures that any k rows give, by trying them all."""

from __future__ import annotations

import itertools

import numpy as np

from oracles import selection as oracle


def best_figures(X, k, metric):
    """(largest sum, largest smallest distance, smallest covering radius, smallest cost).

    The first two are None for k = 1.
    """
    apart = np.array([oracle.distances(X, row, metric) for row in X])
    sums, smallest, radii, costs = [], [], [], []
    for rows in itertools.combinations(range(len(X)), k):
        inside = apart[np.ix_(rows, rows)][np.triu_indices(k, 1)]
        nearest = apart[:, rows].min(axis=1)
        radii.append(nearest.max())
        costs.append(nearest.sum())
        if k > 1:
            sums.append(inside.sum())
            smallest.append(inside.min())
    of_pairs = (max(sums), max(smallest)) if k > 1 else (None, None)
    return (*of_pairs, min(radii), min(costs))
