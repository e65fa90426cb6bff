"""thinset alone, under pytest-benchmark: to compare one commit with another.

`make bench-self`, or `python -m pytest -c benchmarks/pytest.ini benchmarks` with the options of
pytest-benchmark (--benchmark-save, --benchmark-compare, ...). The answers are checked first, as in
the race against other libraries (run.py).
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from embedding_data import NotAvailable

PROBLEMS = sorted(file.parent.name for file in Path(__file__).parent.glob("*/problem.py"))


def _cases():
    for name in PROBLEMS:
        Problem = importlib.import_module(f"{name}.problem").Problem
        for size in Problem.sizes(full=False):
            yield pytest.param(name, Problem, size, id=f"{name}-{size.n_rows}-{size.k}")


@pytest.mark.parametrize(("name", "Problem", "size"), list(_cases()))
def bench_thinset(benchmark, name, Problem, size):
    folder = getattr(Problem, "contenders_of", name)
    contender = importlib.import_module(f"{folder}.contender_thinset")
    reason = getattr(contender, "why_not", lambda: None)()
    if reason:
        pytest.skip(reason)
    try:
        with Problem(size, data="correlated", n_threads=None) as problem:
            getattr(contender, "prepare", lambda _: None)(problem)
            problem.before_round()
            problem.check(contender.solve(problem))
            benchmark.extra_info["problem"] = problem.description
            benchmark.pedantic(
                contender.solve, args=(problem,), setup=problem.before_round, rounds=10
            )
    except NotAvailable as error:
        pytest.skip(str(error))
