"""One fused pass over the rows per seed, in all threads, in float32: distance, minimum, sum."""

from __future__ import annotations

import numba
import numpy as np

_ROWS_PER_CHUNK = 256


# Compiled when it is imported. Sums over columns may be taken in any order: vectors need that.
@numba.njit("i8[::1](f4[:, ::1], f8[::1])", parallel=True, fastmath={"reassoc", "nsz", "contract"})
def _seed(X, uniform):
    n_rows, n_columns = X.shape
    n_chunks = (n_rows + _ROWS_PER_CHUNK - 1) // _ROWS_PER_CHUNK
    nearest = np.full(n_rows, np.float32(np.inf))
    sums = np.empty(n_chunks)
    rows = np.empty(len(uniform), np.int64)
    rows[0] = int(uniform[0] * n_rows)
    for step in range(1, len(uniform)):
        newest = X[rows[step - 1]]
        for chunk in numba.prange(n_chunks):
            first = chunk * _ROWS_PER_CHUNK
            total = 0.0
            for i in range(first, min(first + _ROWS_PER_CHUNK, n_rows)):
                squared = np.float32(0)
                for j in range(n_columns):
                    difference = X[i, j] - newest[j]
                    squared += difference * difference
                nearest[i] = min(nearest[i], squared)
                total += nearest[i]
            sums[chunk] = total
        target = uniform[step] * sums.sum()
        chunk = 0
        while chunk < n_chunks - 1 and target >= sums[chunk]:
            target -= sums[chunk]
            chunk += 1
        row = chunk * _ROWS_PER_CHUNK
        while row < n_rows - 1 and target >= nearest[row]:
            target -= nearest[row]
            row += 1
        rows[step] = row
    return rows


def solve(problem):
    return _seed(problem.X, np.random.default_rng(0).random(problem.k))
