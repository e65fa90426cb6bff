from __future__ import annotations

import thinset

REMARK = "draws the starting centres, at random, on its own clock; the others are given them"


def solve(problem):
    selection = thinset.select(
        problem.X,
        problem.k,
        "kmeans",
        n_iterations=problem.n_iterations,
        seeding="random",
        n_threads=problem.n_threads,
    )
    return selection.indices
