"""One fused pass per step, in all threads, in float64: distance, gain, largest gain."""

from __future__ import annotations

import numba
import numpy as np

from dispersion_reference import furthest_from_mean

_ROWS_PER_CHUNK = 256


# Compiled when it is imported. Sums over columns may be taken in any order: vectors need that.
@numba.njit("i8[::1](f4[:, ::1], i8, i8)", parallel=True, fastmath={"reassoc", "nsz", "contract"})
def _greedy(X, start, k):
    n_rows, n_columns = X.shape
    n_chunks = (n_rows + _ROWS_PER_CHUNK - 1) // _ROWS_PER_CHUNK
    gains = np.zeros(n_rows)
    best_gain = np.empty(n_chunks)
    best_row = np.empty(n_chunks, np.int64)
    chosen = np.empty(k, np.int64)
    chosen[0] = start
    for step in range(1, k):
        newest = X[chosen[step - 1]].astype(np.float64)
        gains[chosen[step - 1]] = -np.inf
        for chunk in numba.prange(n_chunks):
            first = chunk * _ROWS_PER_CHUNK
            best, at = -np.inf, first
            for i in range(first, min(first + _ROWS_PER_CHUNK, n_rows)):
                squared = np.float64(0)
                for j in range(n_columns):
                    difference = np.float64(X[i, j]) - newest[j]
                    squared += difference * difference
                gains[i] += np.sqrt(squared)
                if gains[i] > best:
                    best, at = gains[i], i
            best_gain[chunk], best_row[chunk] = best, at
        # The first of equal chunks, as the first of equal rows inside a chunk: the lower row.
        chosen[step] = best_row[np.argmax(best_gain)]
    return chosen


def solve(problem):
    return _greedy(problem.X, furthest_from_mean(problem.X), problem.k)
