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


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_cases(capsys):
    n_cases = 0
    for method in ORACLES:
        for size, n in suite.FULL.items():
            n_cases += len(suite.check(library, method, size, n, repeatable=False))
            with capsys.disabled():
                print(f"\n{method} {size}: {n_cases} cases so far", end="", flush=True)  # noqa: T201
    assert n_cases >= 10_000
