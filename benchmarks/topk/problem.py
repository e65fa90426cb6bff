from __future__ import annotations

import functools

import numpy as np

from embedding_data import DEFAULT_SIZE, PAPER_SIZE, correlated_activations, describe


class Problem:
    def __init__(self, *, full, n_threads):
        self.n_threads = n_threads
        n_rows, n_columns, self.k = PAPER_SIZE if full else DEFAULT_SIZE
        self.X = correlated_activations(n_rows, n_columns)
        self.size = describe(n_rows, n_columns, self.k)

    @functools.cached_property
    def expected(self):
        order = np.argsort(-self.X.astype(np.float64), axis=0, kind="stable")
        taken = np.zeros(len(self.X), dtype=bool)
        chosen = []
        while len(chosen) < self.k:
            column = order[:, len(chosen) % self.X.shape[1]]
            row = column[np.argmin(taken[column])]
            taken[row] = True
            chosen.append(row)
        return np.array(chosen)

    def check(self, indices):
        np.testing.assert_array_equal(indices, self.expected)
