"""All pairs in a loop that ends a distance when it is too far; near pairs join at once."""

from __future__ import annotations

import numba
import numpy as np

AT_MOST = 50_000, "it measures every pair"

_COLUMNS_AT_ONCE = 16


@numba.njit("i8(i8[::1], i8)")
def _root(parents, row):
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


# Sums over columns may be taken in any order: vectors need that.
@numba.njit("i8[::1](f4[:, ::1], f8)", fastmath={"reassoc", "nsz", "contract"})
def _groups(X, limit):
    n_rows, n_columns = X.shape
    parents = np.arange(n_rows)
    for i in range(n_rows):
        for j in range(i + 1, n_rows):
            squared = 0.0
            for start in range(0, n_columns, _COLUMNS_AT_ONCE):
                for column in range(start, min(start + _COLUMNS_AT_ONCE, n_columns)):
                    difference = np.float64(X[i, column]) - np.float64(X[j, column])
                    squared += difference * difference
                if squared > limit:
                    break
            if squared <= limit:
                a, b = _root(parents, i), _root(parents, j)
                # The root of a group is its lowest row.
                if a < b:
                    parents[b] = a
                else:
                    parents[a] = b
    for row in range(n_rows):
        parents[row] = _root(parents, row)
    return parents


def solve(problem):
    return _groups(problem.X, problem.distance**2)
