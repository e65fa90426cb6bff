"""The canonical order of float64 sums, which decides the last bit and with it the nearest ties.

Term j of a row goes to lane j mod 16, each lane adds its terms in rising j, and the lanes are added
in pairs (l, l + 8), then (l, l + 4), (l, l + 2), (l, l + 1). Products are rounded before they are
added. Columns are added over blocks of 1,024 rows, and the blocks' sums in order.
"""

from __future__ import annotations

import numpy as np

N_LANES = 16
ROWS_PER_MEAN_BLOCK = 1024


def squared_distances(X, y):
    """(N, D) rows and a (D,) point -> (N,)."""
    return _sum(X, y, lambda a, b: (a - b) * (a - b))


def dots(X, y):
    return _sum(X, y, lambda a, b: a * b)


def norms(X):
    return np.sqrt(squared_distances(X, np.zeros(X.shape[1])))


def _sum(X, y, term):
    lanes = np.zeros((len(X), N_LANES))
    for start in range(0, len(y), N_LANES):
        columns = slice(start, min(start + N_LANES, len(y)))
        lanes[:, : columns.stop - start] += term(X[:, columns], y[columns])
    for width in (8, 4, 2, 1):
        lanes = lanes[:, :width] + lanes[:, width:]
    return lanes[:, 0]


def in_order(terms):
    """The sum over the first axis, one term after the other (NumPy's own sum pairs them up)."""
    total = np.zeros(terms.shape[1:])
    return total + np.add.accumulate(terms, axis=0)[-1] if len(terms) else total


def mean(X):
    """(N, D) -> (D,), the mean of a whole matrix."""
    starts = range(0, len(X), ROWS_PER_MEAN_BLOCK)
    sums = np.array([in_order(X[start : start + ROWS_PER_MEAN_BLOCK]) for start in starts])
    return in_order(sums) / len(X)
