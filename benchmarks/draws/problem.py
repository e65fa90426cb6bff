from __future__ import annotations

import numpy as np

from embedding_data import Size
from selection_problem import SelectionProblem


class Problem(SelectionProblem):
    @staticmethod
    def sizes(*, full):
        return [Size(1_000, 4, 100), Size(10_000_000 if full else 100_000, 4, 1_000)]

    def floors(self):
        return {}

    def check(self, indices):
        indices = np.asarray(indices)
        assert len(np.unique(indices)) == self.k, f"{len(np.unique(indices))} different rows"
        assert 0 <= indices.min() <= indices.max() < len(self.X), "no such row"
