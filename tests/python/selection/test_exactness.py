"""Every method answers as its definition does: the same rows and gains, to the last bit."""

from __future__ import annotations

import pytest

import thinset
from exactness import suite
from exactness.answers import ORACLES, library

pytestmark = pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")


def test_every_method_has_an_oracle():
    assert ORACLES.keys() == thinset.methods().keys()


@pytest.mark.parametrize("size", suite.FAST)
@pytest.mark.parametrize("method", ORACLES)
def test_fast(method, size):
    suite.check(library, method, size, suite.FAST[size])


@pytest.fixture(scope="module")
def tally():
    """Cases seen by method and size."""
    seen = {}
    yield seen
    if len(seen) == len(ORACLES) * len(suite.FULL):
        assert sum(seen.values()) >= 10_000


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("size", suite.FULL)
@pytest.mark.parametrize("method", ORACLES)
def test_full(method, size, tally, capsys):
    tally[method, size] = len(
        suite.check(library, method, size, suite.FULL[size], repeatable=False)
    )
    with capsys.disabled():
        print(f" {method} {size}: {sum(tally.values())} cases so far")  # noqa: T201
