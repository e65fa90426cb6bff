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
        return largest_shortfall(self.X, indices, furthest_from_mean(self.X), np.add)


def by_definition(X, k):
    X = X.astype(np.float64)
    chosen = [furthest_from_mean(X)]
    sums = np.zeros(len(X))
    while len(chosen) < k:
        sums += np.sqrt(squared_distances(X, chosen[-1]))
        sums[chosen[-1]] = -np.inf
        chosen.append(int(np.argmax(sums)))
    return np.array(chosen)
