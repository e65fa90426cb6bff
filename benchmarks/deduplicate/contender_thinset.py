from __future__ import annotations

import thinset


def solve(problem):
    found = thinset.deduplicate(problem.X, problem.distance, n_threads=problem.n_threads)
    return found.groups
