from __future__ import annotations

import pytest

from max_min.problem import Problem


@pytest.fixture(scope="module")
def problem(full, n_threads):
    return Problem(full=full, n_threads=n_threads)


def bench_max_min(race, problem, contender):
    race(problem, contender)
