from __future__ import annotations

import thinset


def solve(problem):
    return thinset.select(problem.X, problem.k, "max_sum", n_threads=problem.n_threads).indices
