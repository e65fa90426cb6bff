"""Greedy dispersion by its definition, and how good each step of another answer is."""

from __future__ import annotations

import numpy as np

_ROWS_PER_BLOCK = 1024
_STEPS_PER_BLOCK = 64


def furthest_from_mean(X):
    """The row that max_sum and max_min start with (ties: the lower row)."""
    X = X.astype(np.float64)
    X -= X.mean(axis=0)
    return int(np.argmax(np.einsum("ij,ij->i", X, X)))


def squared_distances(X, row):
    """From every row of a float64 X to one of them, from differences, in blocks."""
    blocks = range(0, len(X), _ROWS_PER_BLOCK)
    return np.concatenate([((X[b : b + _ROWS_PER_BLOCK] - X[row]) ** 2).sum(1) for b in blocks])


def largest_shortfall(X, chosen, start, join):
    """How much less than the best possible gain any step of a greedy answer took, as a share of it.

    `join(gains, distances)` gives the rows' gains once a row at these distances is chosen too.
    1.0 for an answer that starts elsewhere or takes a row twice.
    """
    chosen = np.asarray(chosen)
    if chosen[0] != start or len(np.unique(chosen)) != len(chosen):
        return 1.0
    X = X.astype(np.float64)
    lengths = np.einsum("ij,ij->i", X, X)
    free = np.ones(len(X), dtype=bool)
    gains, shortfall = None, 0.0
    for first in range(0, len(chosen), _STEPS_PER_BLOCK):
        block = chosen[first : first + _STEPS_PER_BLOCK]
        squared = lengths[:, None] - 2 * (X @ X[block].T) + lengths[block]
        distances = np.ascontiguousarray(np.sqrt(np.maximum(squared, 0)).T)
        for row, distance in zip(block, distances, strict=True):
            if gains is not None:
                best = gains[free].max()
                shortfall = max(shortfall, 1 - gains[row] / best if best > 0 else 0.0)
            free[row] = False
            gains = distance if gains is None else join(gains, distance)
    return shortfall
