from __future__ import annotations

import importlib
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
_SECONDS_PER_CONTENDER = 4.0


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="the size of the paper")
    parser.addoption("--threads", type=int, default=None, help="threads of thinset")


@pytest.fixture(scope="session")
def full(request):
    """Whether problems have the size of the paper."""
    return request.config.getoption("--full")


@pytest.fixture(scope="session")
def n_threads(request):
    """Threads that a contender may use; None: all processors. run.py tells the peers' libraries."""
    return request.config.getoption("--threads")


def _load(file):
    name = file.stem.removeprefix("contender_")
    try:
        module = importlib.import_module(f"{file.parent.name}.{file.stem}")
    except ModuleNotFoundError as error:
        # A peer that is not installed does not run; one of our own modules must be there.
        if error.name is None or error.name.startswith("thinset"):
            raise
        reason = f"{error.name} is not installed"
        return pytest.param(None, id=name, marks=pytest.mark.skip(reason=reason))
    return pytest.param(module, id=name)


def pytest_generate_tests(metafunc):
    """Run a benchmark once per contender_*.py in its folder."""
    if "contender" in metafunc.fixturenames:
        files = sorted(metafunc.definition.path.parent.glob("contender_*.py"))
        metafunc.parametrize("contender", [_load(file) for file in files])


@pytest.fixture
def race(benchmark):
    """race(problem, contender): check the contender's answer, then time it."""

    def run(problem, contender):
        start = time.perf_counter()
        answer = contender.solve(problem)
        seconds = time.perf_counter() - start
        try:
            problem.check(answer)
        except AssertionError:
            if hasattr(contender, "MAY_BE_WRONG"):
                pytest.xfail(f"wrong answer: {contender.MAY_BE_WRONG}")
            raise
        # The checked run was the warm-up, and says how many rounds there is time for.
        rounds = min(20, max(1, round(_SECONDS_PER_CONTENDER / seconds)))
        benchmark.extra_info["size"] = problem.size
        benchmark.pedantic(contender.solve, args=(problem,), rounds=rounds)

    return run
