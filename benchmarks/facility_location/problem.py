from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

import floors
from embedding_data import PAPER_SIZE, Size
from kept_answers import kept
from selection_problem import SelectionProblem

_BATCH = 64


class Problem(SelectionProblem):
    @staticmethod
    def sizes(*, full):
        return [PAPER_SIZE if full else Size(4_000, 216, 345)]

    def floors(self):
        return {
            "read": floors.one_read(self.X),
            "product": floors.distance_product(self.X, len(self.X)),
        }

    def check(self, indices):
        np.testing.assert_array_equal(indices, kept(self.X, self.k, by_definition))

    def shortfall(self, indices):
        """How much more than the reference's any prefix of the answer costs, as a share of it."""
        if len(np.unique(indices)) != self.k:
            return 1.0
        reference = costs(self.X, kept(self.X, self.k, by_definition))
        return float((costs(self.X, indices) / reference - 1).max())


def costs(X, indices):
    """The summed distance of all rows to the nearest chosen one, for every prefix."""
    nearest = np.full(len(X), np.inf)
    found = []
    for row in indices:
        nearest = np.minimum(nearest, cdist(X, X[row : row + 1])[:, 0])
        found.append(nearest.sum())
    return np.array(found)


def by_definition(X, k):
    """Greedy by exact distances; of the gains only those that may still be the largest are renewed.

    A gain never grows while rows are chosen (submodularity), so that an old one is a bound.
    """
    rows = np.arange(len(X))
    batches = np.split(rows, range(_BATCH, len(X), _BATCH))
    first = int(np.argmin(np.concatenate([cdist(X[b], X).sum(1) for b in batches])))
    nearest = cdist(X[first : first + 1], X)[0]
    bound = np.full(len(X), np.inf)
    bound[first] = -np.inf
    chosen = [first]
    while len(chosen) < k:
        renewed = np.zeros(len(X), dtype=bool)
        while True:
            best = bound[renewed].max(initial=-np.inf)
            stale = rows[~renewed & (bound >= best) & (bound > -np.inf)]
            if len(stale) == 0:
                break
            batch = stale[np.argsort(-bound[stale], kind="stable")[:_BATCH]]
            bound[batch] = np.maximum(nearest - cdist(X[batch], X), 0).sum(1)
            renewed[batch] = True
        row = int(np.argmax(np.where(renewed, bound, -np.inf)))
        nearest = np.minimum(nearest, cdist(X[row : row + 1], X)[0])
        bound[row] = -np.inf
        chosen.append(row)
    return np.array(chosen)
