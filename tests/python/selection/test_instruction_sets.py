"""Every instruction set that this processor runs gives the answers of the definitions."""

from __future__ import annotations

import pytest

from exactness import suite
from exactness.answers import ORACLES, library
from thinset import _core

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


def test_a_set_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no instruction set 'mmx'"):
        _core.use_instruction_set("mmx")
    assert _core.instruction_set() == AVAILABLE[-1]
