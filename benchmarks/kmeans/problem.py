from __future__ import annotations

import functools

import numpy as np

from embedding_data import DEFAULT_SIZE, PAPER_SIZE, correlated_activations, describe

N_ITERATIONS = 10
_ROWS_PER_BLOCK = 2048


class Problem:
    n_iterations = N_ITERATIONS

    def __init__(self, *, full, n_threads):
        self.n_threads = n_threads
        n_rows, n_columns, self.k = PAPER_SIZE if full else DEFAULT_SIZE
        self.X = correlated_activations(n_rows, n_columns)
        self.size = describe(n_rows, n_columns, self.k)

    @functools.cached_property
    def expected_error(self):
        X = self.X.astype(np.float64)
        generator = np.random.default_rng(0)
        centres = X[_seed_rows(X, self.k, generator)]
        for _ in range(N_ITERATIONS):
            clusters, _ = nearest(X, centres)
            sizes = np.bincount(clusters, minlength=self.k)
            sums = np.zeros_like(centres)
            np.add.at(sums, clusters, X)
            alive = sizes > 0
            centres[alive] = sums[alive] / sizes[alive, None]
        return self.error(nearest(centres, X)[0])

    def error(self, indices):
        return nearest(self.X.astype(np.float64), self.X[indices].astype(np.float64))[1].mean()

    def check(self, indices):
        assert len(np.unique(indices)) == self.k, f"{len(np.unique(indices))} different rows"
        error = self.error(indices)
        assert error <= 1.02 * self.expected_error, (error, self.expected_error)


def nearest(X, centres):
    """Of every row of X: the nearest centre and the squared distance to it, in blocks of rows."""
    lengths = (centres**2).sum(1)
    clusters, squared = [], []
    for start in range(0, len(X), _ROWS_PER_BLOCK):
        block = X[start : start + _ROWS_PER_BLOCK]
        distances = (block**2).sum(1)[:, None] - 2 * (block @ centres.T) + lengths
        clusters.append(distances.argmin(1))
        squared.append(np.maximum(distances.min(1), 0))
    return np.concatenate(clusters), np.concatenate(squared)


def _seed_rows(X, k, generator):
    squared = np.full(len(X), np.inf)
    rows = [int(generator.integers(len(X)))]
    while len(rows) < k:
        squared = np.minimum(squared, ((X - X[rows[-1]]) ** 2).sum(1))
        rows.append(int(generator.choice(len(X), p=squared / squared.sum())))
    return rows
