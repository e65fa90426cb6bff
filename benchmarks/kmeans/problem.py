from __future__ import annotations

import functools

import numpy as np

import floors
import thinset
from embedding_data import DEFAULT_SIZE, PAPER_SIZE
from kept_answers import kept
from selection_problem import SelectionProblem

N_ITERATIONS = 10
# How much worse than the float64 reference float32 may be, and the luck of other rounding.
_MARGIN = 0.002
# And the luck of another start.
_MARGIN_OF_STARTS = 0.01
_ROWS_PER_BLOCK = 2048


class Problem(SelectionProblem):
    n_iterations = N_ITERATIONS

    @staticmethod
    def sizes(*, full):
        size = PAPER_SIZE if full else DEFAULT_SIZE
        return [size._replace(k=size.k // 10), size]

    @functools.cached_property
    def start(self):
        """The rows that are the starting centres: those that thinset draws."""
        return seeds(self.X, self.k)

    def floors(self):
        # The distances to the first centres, and to those that every iteration leads to.
        return {
            "read": floors.one_read(self.X),
            "product": floors.distance_product(self.X, self.k, times=N_ITERATIONS + 1),
        }

    def inertia(self, indices):
        """The sum of the squared distances of all rows to the nearest chosen row."""
        return nearest(self.X.astype(np.float64), self.X[indices].astype(np.float64))[1].sum()

    def check(self, indices):
        n_different = len(np.unique(indices))
        assert n_different == self.k, f"{n_different} different rows"
        inertia, expected = self.inertia(indices), self.expected
        assert inertia <= (1 + _MARGIN) * expected, (inertia, expected)

    @functools.cached_property
    def expected(self):
        return self.inertia(kept(self.X, self.k, by_definition, self.start.tobytes()))

    def shortfall(self, indices):
        """0 for an answer that is as good as one from another start can be, else 1."""
        is_good = self.inertia(indices) <= (1 + _MARGIN_OF_STARTS) * self.expected
        return 0.0 if is_good and len(indices) == self.k else 1.0


def seeds(X, k):
    # Without an iteration, the row nearest to each centre is the seed itself.
    return thinset.select(X, k, "kmeans", n_iterations=0, seeding="random").indices


def by_definition(X, k):
    centres = X[seeds(X, k)].astype(np.float64)
    X = X.astype(np.float64)
    for _ in range(N_ITERATIONS):
        clusters, _ = nearest(X, centres)
        sizes = np.bincount(clusters, minlength=k)
        sums = np.zeros_like(centres)
        np.add.at(sums, clusters, X)
        alive = sizes > 0
        centres[alive] = sums[alive] / sizes[alive, None]
    clusters, squared = nearest(X, centres)
    return nearest_members(clusters, squared)


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


def nearest_members(clusters, squared):
    """Of every cluster the row that is nearest to its centre."""
    order = np.lexsort((squared, clusters))
    _, first = np.unique(clusters[order], return_index=True)
    return order[first]
