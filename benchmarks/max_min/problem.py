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
        X = self.X.astype(np.float64)
        chosen = [int(np.argmax(((X - X.mean(0)) ** 2).sum(1)))]
        nearest = np.full(len(X), np.inf)
        while len(chosen) < self.k:
            nearest = np.minimum(nearest, ((X - X[chosen[-1]]) ** 2).sum(1))
            chosen.append(int(np.argmax(nearest)))
        return chosen

    def check(self, indices):
        np.testing.assert_array_equal(indices, self.expected)
