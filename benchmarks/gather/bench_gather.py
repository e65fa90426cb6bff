from __future__ import annotations

import pytest

from gather.problem import Problem


@pytest.fixture(scope="module")
def problem(full, n_threads):
    with Problem(full=full, n_threads=n_threads) as problem:
        yield problem


def bench_gather(race, problem, contender):
    race(problem, contender)
