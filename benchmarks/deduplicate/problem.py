from __future__ import annotations

import functools

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

import floors
from embedding_data import Size
from kept_answers import kept
from selection_problem import SelectionProblem

_SAMPLE = 1000
_ROWS_PER_BLOCK = 512
# A matrix product finds the pairs that may be near, with this much to spare.
_SPARE = 1e-3


class Problem(SelectionProblem):
    """With `distance`, at most which rows are near-duplicates; k, a number of rows, is not used."""

    @staticmethod
    def sizes(*, full):
        return [Size(50_000 if full else 10_000, 64, 1)]

    def __init__(self, size, *, data, n_threads):
        super().__init__(size, data=data, n_threads=n_threads)
        n_rows, n_columns = self.X.shape
        self.description = f"{n_rows:,} x {n_columns} float32, {data}"

    @functools.cached_property
    def distance(self):
        return float(kept(self.X, 1, half_the_median)[0])

    def floors(self):
        return {
            "read": floors.one_read(self.X),
            "product": floors.distance_product(self.X, len(self.X)),
        }

    def check(self, groups):
        distance = np.float64(self.distance).tobytes()
        expected = kept(self.X, 1, lambda X, _: all_pairs(X, self.distance), distance)
        np.testing.assert_array_equal(groups, expected)


def half_the_median(X, _):
    """Half the median distance of some rows to their nearest neighbours, as an array of one."""
    rows = np.linspace(0, len(X) - 1, min(_SAMPLE, len(X)), dtype=np.int64)
    X = X.astype(np.float64)
    nearest = np.empty(len(rows))
    for start in range(0, len(rows), 64):
        block = cdist(X[rows[start : start + 64]], X)
        block[np.arange(len(block)), rows[start : start + 64]] = np.inf
        nearest[start : start + 64] = block.min(axis=1)
    return np.array([np.median(nearest) / 2])


def all_pairs(X, distance):
    """The lowest row of each row's group: all pairs, those near the limit from differences."""
    X = X.astype(np.float64)
    lengths = np.einsum("ij,ij->i", X, X)
    limit = distance**2 + _SPARE * lengths.max()
    pairs = []
    for start in range(0, len(X), _ROWS_PER_BLOCK):
        block = X[start : start + _ROWS_PER_BLOCK]
        squared = lengths[start : start + _ROWS_PER_BLOCK, None] - 2 * block @ X[start:].T
        squared += lengths[start:]
        i, j = np.nonzero(squared <= limit)
        i, j = i + start, j + start
        is_near = np.einsum("ij,ij->i", X[i] - X[j], X[i] - X[j]) <= distance**2
        pairs.append(np.stack([i[is_near], j[is_near]]))
    return lowest_of_groups(len(X), *np.concatenate(pairs, axis=1))


def lowest_of_groups(n_rows, i, j):
    """The lowest row of each row's group, from pairs of near-duplicates."""
    graph = coo_array((np.ones(len(i), np.bool_), (i, j)), shape=(n_rows, n_rows))
    _, groups = connected_components(graph, directed=False)
    _, first = np.unique(groups, return_index=True)
    return first[groups]
