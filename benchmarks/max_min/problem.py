from __future__ import annotations

import numpy as np

import floors
from dispersion_reference import furthest_from_mean, largest_shortfall, squared_distances
from kept_answers import kept
from selection_problem import SelectionProblem


class Problem(SelectionProblem):
    def floors(self):
        return {
            "read": floors.one_read(self.X),
            "product": floors.distance_product(self.X, self.k),
        }

    def check(self, indices):
        np.testing.assert_array_equal(indices, kept(self.X, self.k, by_definition))

    def shortfall(self, indices):
        """From the row that the answer starts with: a peer may have a start of its own."""
        return largest_shortfall(self.X, indices, indices[0], np.minimum)


def by_definition(X, k):
    X = X.astype(np.float64)
    chosen = [furthest_from_mean(X)]
    nearest = np.full(len(X), np.inf)
    while len(chosen) < k:
        nearest = np.minimum(nearest, squared_distances(X, chosen[-1]))
        chosen.append(int(np.argmax(nearest)))
    return np.array(chosen)
