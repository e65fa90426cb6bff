from __future__ import annotations

import numpy as np

import floors
from dispersion_reference import squared_distances
from embedding_data import DEFAULT_SIZE, PAPER_SIZE
from kept_answers import kept
from selection_problem import SelectionProblem

_N_DRAWS = 3
# k rows of thousands: one draw's potential lies well within this of the expected one.
_MARGIN = 0.02


class Problem(SelectionProblem):
    @staticmethod
    def sizes(*, full):
        size = PAPER_SIZE if full else DEFAULT_SIZE
        return [size._replace(k=size.k // 10), size]

    def floors(self):
        return {
            "read": floors.one_read(self.X),
            "product": floors.distance_product(self.X, self.k),
        }

    def check(self, indices):
        n_different = len(np.unique(indices))
        assert n_different == self.k, f"{n_different} different rows"
        found = potential(self.X.astype(np.float64), indices)
        expected = kept(self.X, self.k, expected_potential)[0]
        assert found <= (1 + _MARGIN) * expected, (found, expected)


def potential(X, indices):
    """The sum of the squared distances of all rows to the nearest seed."""
    nearest = np.full(len(X), np.inf)
    for row in indices:
        nearest = np.minimum(nearest, squared_distances(X, row))
    return nearest.sum()


def expected_potential(X, k):
    """The mean over a few draws by the definition, and their standard deviation."""
    X = X.astype(np.float64)
    potentials = [
        potential(X, draw(X, k, np.random.default_rng([2024, attempt])))
        for attempt in range(_N_DRAWS)
    ]
    return np.array([np.mean(potentials), np.std(potentials, ddof=1)])


def draw(X, k, generator):
    """k-means++: every seed with a probability in proportion to its squared distance."""
    rows = [int(generator.integers(len(X)))]
    nearest = np.full(len(X), np.inf)
    while len(rows) < k:
        nearest = np.minimum(nearest, squared_distances(X, rows[-1]))
        rows.append(int(generator.choice(len(X), p=nearest / nearest.sum())))
    return rows
