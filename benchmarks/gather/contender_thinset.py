from __future__ import annotations

from thinset import _core


def solve(problem):
    _core.gather(
        str(problem.source),
        problem.indices,
        str(problem.target),
        n_threads=problem.n_threads or 0,
    )
