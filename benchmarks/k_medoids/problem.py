from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

import floors
from embedding_data import Size
from selection_problem import SelectionProblem

_LARGEST_EXCHANGE = 1e-9
_WORST_COST = 1e-3


class Problem(SelectionProblem):
    @staticmethod
    def sizes(*, full):
        return [Size(10_000, 216, 432) if full else Size(4_000, 216, 172)]

    def floors(self):
        return {
            "read": floors.one_read(self.X),
            "product": floors.distance_product(self.X, len(self.X)),
        }

    def check(self, indices):
        exchange, excess = self._judged(indices)
        assert exchange <= _LARGEST_EXCHANGE, f"an exchange saves {exchange:.3g} of the cost"
        assert excess <= _WORST_COST, f"the cost is {excess:.3%} above the reference's"

    def shortfall(self, indices):
        """What the best exchange would save, as a share of the cost; 1 if the cost is too high."""
        exchange, excess = self._judged(indices)
        return exchange if excess <= _WORST_COST else 1.0

    def _judged(self, indices):
        if len(np.unique(indices)) != self.k:
            return 1.0, 1.0
        distances = cdist(self.X, self.X)
        cost, exchange = best_exchange(distances, np.asarray(indices))
        reference = distances[:, greedily_exchanged(distances, self.k)].min(axis=1).sum()
        return exchange / cost, cost / reference - 1.0


def best_exchange(distances, medoids):
    """The cost, and by how much the best exchange of a medoid for another row lowers it."""
    cost, savings = all_exchanges(distances, medoids)
    return cost, max(0.0, savings.max())


def all_exchanges(distances, medoids):
    """The cost, and by how much each row (N, k) in place of each medoid lowers it."""
    own = distances[:, medoids]
    near, second = np.partition(own, 1, axis=1)[:, :2].T
    place = own.argmin(axis=1)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(medoids)))
    gains = np.maximum(near[:, None] - distances, 0.0).sum(axis=0)
    kept = np.maximum(second[:, None] - np.maximum(distances, near[:, None]), 0.0)[order]
    kept = np.add.reduceat(kept, starts, axis=0)
    removal = np.add.reduceat((second - near)[order], starts)
    savings = gains[:, None] + (kept - removal[:, None]).T
    savings[medoids] = -np.inf
    return near.sum(), savings


def greedily_exchanged(distances, k):
    """Greedy medoids, then the best exchange again and again."""
    medoids = [int(distances.sum(axis=0).argmin())]
    near = distances[:, medoids[0]]
    while len(medoids) < k:
        gains = np.maximum(near[:, None] - distances, 0.0).sum(axis=0)
        gains[medoids] = -np.inf
        medoids.append(int(gains.argmax()))
        near = np.minimum(near, distances[:, medoids[-1]])
    medoids = np.array(medoids)
    while True:
        cost, savings = all_exchanges(distances, medoids)
        row, place = np.unravel_index(savings.argmax(), savings.shape)
        if not savings[row, place] > _LARGEST_EXCHANGE * cost:
            return medoids
        medoids[place] = row
