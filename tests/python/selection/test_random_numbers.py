"""The core's random numbers are those of their definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.random import Random
from thinset import _core


@given(
    st.integers(0, 2**64 - 1), st.lists(st.integers(0, 2**53) | st.integers(0, 2**63), max_size=20)
)
def test_draws_equal_the_oracle(seed, bounds):
    """A bound of 0 stands for a draw from [0, 1)."""
    drawn, expected = _core.Random(seed), Random(seed)
    for bound in bounds:
        if bound:
            assert drawn.below(bound) == expected.below(bound)
        else:
            assert drawn.uniform() == expected.uniform()


@pytest.mark.parametrize("bound", [0, 2**63 + 1])
def test_a_bound_out_of_range_is_refused(bound):
    with pytest.raises(ValueError, match=rf"bound must be in \[1, 2\*\*63\], got {bound}"):
        _core.Random(0).below(bound)
