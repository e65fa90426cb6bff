"""Nearest rows and balls by all pairs, one query after the other, and the measures made of them."""

from __future__ import annotations

import numpy as np

from oracles.arithmetic import squared_distances


def distances(X, y):
    return np.sqrt(squared_distances(np.asarray(X, np.float64), np.asarray(y, np.float64)))


def nearest(queries, reference, k, skipped=None):
    """Indices and distances (n_queries, k): by squared distance, ties by lower row."""
    indices, found = [], []
    for i, query in enumerate(queries):
        squares = squared_distances(np.asarray(reference, np.float64), query.astype(np.float64))
        order = np.argsort(squares, kind="stable")
        if skipped is not None:
            order = order[order != skipped[i]]
        indices.append(order[:k])
        found.append(np.sqrt(squares[order[:k]]))
    return np.array(indices), np.array(found)


def in_balls(centres, radii, points):
    """(n_centres, n_points): whether each point is in each ball."""
    return np.array([distances(points, c) <= r for c, r in zip(centres, radii, strict=True)])


def radii(X, k):
    return nearest(X, X, k, np.arange(len(X)))[1][:, -1]


def density_and_coverage(real, generated, k):
    far = radii(real, k)
    inside = np.array([distances(generated, x) < r for x, r in zip(real, far, strict=True)])
    return inside.sum() / (k * len(generated)), inside.any(axis=1).mean()


def precision_and_recall(real, generated, k):
    precise = in_balls(real, radii(real, k), generated).any(axis=0).mean()
    recalled = in_balls(generated, radii(generated, k), real).any(axis=0).mean()
    return precise, recalled
