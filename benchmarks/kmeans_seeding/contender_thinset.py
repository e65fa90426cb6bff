from __future__ import annotations

import thinset

REMARK = "also assigns every row to its nearest seed: as many distances again"


def solve(problem):
    # Without an iteration, the row nearest to each centre is the seed itself.
    selection = thinset.select(
        problem.X, problem.k, "kmeans", n_iterations=0, n_threads=problem.n_threads
    )
    return selection.indices
