"""Every instruction set that this processor runs gives the answers of the definitions."""

from __future__ import annotations

import numpy as np
import pytest

from exactness import suite
from exactness.answers import ORACLES, library
from thinset import _core, deduplicate

pytestmark = pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")

AVAILABLE = _core.available_instruction_sets()


@pytest.fixture(params=AVAILABLE)
def instruction_set(request):
    """One set after the other is used; the widest again at the end."""
    _core.use_instruction_set(request.param)
    yield request.param
    _core.use_instruction_set(AVAILABLE[-1])


def test_the_widest_set_is_in_use():
    assert AVAILABLE[0] == "plain"
    assert _core.instruction_set() == AVAILABLE[-1]


@pytest.mark.parametrize("method", ORACLES)
def test_answers_are_exact(instruction_set, method):
    assert _core.instruction_set() == instruction_set
    suite.check(library, method, "small", 40)
    suite.check(library, method, "mid", 3)


def test_near_duplicates_are_the_same_groups(instruction_set):
    generator = np.random.default_rng(0)
    X = generator.standard_normal((60, 37), dtype=np.float32)
    X = np.concatenate([X, X + 0.05 * generator.standard_normal(X.shape, dtype=np.float32)])
    apart = np.linalg.norm(X[:, None].astype(np.float64) - X[None], axis=2)
    found = deduplicate(X, 0.5)
    assert _core.instruction_set() == instruction_set
    # A row and its copy are some 0.3 apart, rows of different kinds more than 4.
    assert ((apart <= 0.5) == (found.groups[:, None] == found.groups[None])).all()
    assert len(found.representatives) == 60


def test_a_set_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no instruction set 'mmx'"):
        _core.use_instruction_set("mmx")
    assert _core.instruction_set() == AVAILABLE[-1]
