from __future__ import annotations

import numpy as np

import floors
from embedding_data import Size
from kept_answers import kept
from selection_problem import SelectionProblem


class Problem(SelectionProblem):
    @staticmethod
    def sizes(*, full):
        more = [Size(1_000_000, 216, 4_320)] if full else []
        return SelectionProblem.sizes(full=full) + more

    def floors(self):
        return {"read": floors.one_read(self.X)}

    def check(self, indices):
        np.testing.assert_array_equal(indices, kept(self.X, self.k, by_definition))


def by_definition(X, k):
    # A column never needs more than its k best rows: only k - 1 can be taken before its last turn.
    best = [np.argsort(-column, kind="stable")[:k] for column in X.T]
    taken = np.zeros(len(X), dtype=bool)
    chosen = []
    while len(chosen) < k:
        column = best[len(chosen) % X.shape[1]]
        row = column[np.argmin(taken[column])]
        taken[row] = True
        chosen.append(row)
    return np.array(chosen)
