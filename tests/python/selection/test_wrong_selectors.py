"""The exactness suite tells selectors that are wrong, or nearly right, from the right one."""

from __future__ import annotations

import pytest

from exactness import suite
from exactness.answers import expected
from exactness.wrong_selectors import WRONG, lazy


@pytest.mark.parametrize(
    ("name", "method"), [(name, method) for name in WRONG for method in WRONG[name][1]]
)
def test_the_suite_fails(name, method):
    wrong, _ = WRONG[name]
    with pytest.raises(AssertionError):
        suite.check(lambda case: expected(case, wrong), method, "small", suite.FULL["small"])


def test_a_lazy_selector_with_its_bound_whole_passes():
    """What fails above is the share that the bound is too small by, not the laziness."""
    n_cases = suite.FAST["small"]
    suite.check(lambda case: expected(case, lazy(0.0)), "max_min", "small", n_cases)
