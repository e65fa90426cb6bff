"""One pass over the rows as they lie; every thread keeps the best few of its rows per column.

A row's element goes into its column's short list if it beats the list's worst entry. The lists are
merged per column, and rows are dealt out, in compiled code, too.
"""

from __future__ import annotations

import numba
import numpy as np


# Entries (value, row) are worse with a smaller value or, of equal ones, with a higher row. A list
# is a heap with its worst entry on top.
@numba.njit("b1(f4, i8, f4, i8)", inline="always")
def _worse(value, row, other_value, other_row):
    return value < other_value or (value == other_value and row > other_row)


@numba.njit("void(f4[::1], i8[::1], f4, i8)")
def _replace_worst(values, rows, value, row):
    at, size = 0, len(values)
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _worse(
            values[child + 1], rows[child + 1], values[child], rows[child]
        ):
            child += 1
        if not _worse(values[child], rows[child], value, row):
            break
        values[at], rows[at] = values[child], rows[child]
        at = child
    values[at], rows[at] = value, row


@numba.njit("i8[:, ::1](f4[:, ::1], i8, i8)", parallel=True)
def _best_candidates(X, c, n_threads):
    n_rows, n_columns = X.shape
    share = (n_rows + n_threads - 1) // n_threads
    values = np.full((n_threads, n_columns, c), np.float32(-np.inf))
    rows = np.full((n_threads, n_columns, c), n_rows)
    for thread in numba.prange(n_threads):
        worst = np.full(n_columns, np.float32(-np.inf))
        for i in range(thread * share, min((thread + 1) * share, n_rows)):
            for j in range(n_columns):
                # Rows rise, so that an equal value is never better.
                if X[i, j] > worst[j]:
                    _replace_worst(values[thread, j], rows[thread, j], X[i, j], i)
                    worst[j] = values[thread, j, 0]
    best = np.empty((n_columns, c), np.int64)
    for j in numba.prange(n_columns):
        for thread in range(1, n_threads):
            for e in range(c):
                if _worse(values[0, j, 0], rows[0, j, 0], values[thread, j, e], rows[thread, j, e]):
                    _replace_worst(
                        values[0, j], rows[0, j], values[thread, j, e], rows[thread, j, e]
                    )
        # A heap sort, the worst entry going to the end.
        for size in range(c, 0, -1):
            best[j, size - 1] = rows[0, j, 0]
            last_value, last_row = values[0, j, size - 1], rows[0, j, size - 1]
            _replace_worst(values[0, j, : size - 1], rows[0, j, : size - 1], last_value, last_row)
    return best


@numba.njit("b1(i8[:, ::1], i8, i8[::1])")
def _deal(best, n_rows, chosen):
    """Fill `chosen`; False if a column runs out of candidates."""
    n_columns, c = best.shape
    taken = np.zeros(n_rows, np.bool_)
    position = np.zeros(n_columns, np.int64)
    for at in range(len(chosen)):
        j = at % n_columns
        while position[j] < c and taken[best[j, position[j]]]:
            position[j] += 1
        if position[j] == c:
            return False
        chosen[at] = best[j, position[j]]
        taken[chosen[at]] = True
    return True


def solve(problem):
    n_rows, n_columns = problem.X.shape
    chosen = np.empty(problem.k, np.int64)
    c = 2 * -(-problem.k // n_columns)
    while True:
        c = min(c, n_rows)
        if _deal(_best_candidates(problem.X, c, problem.n_threads), n_rows, chosen):
            return chosen
        c *= 2
