from __future__ import annotations

import thinset

_NO_LIMIT = 10**9


def solve(problem):
    selection = thinset.select(
        problem.X,
        problem.k,
        "facility_location",
        metric="euclidean",
        max_swaps=_NO_LIMIT,
        n_threads=problem.n_threads,
    )
    return selection.indices
