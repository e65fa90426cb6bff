from __future__ import annotations

import pytest

from thinset.training import CosineRate, OneCycleRate, StepRate, WarmUpRate
from thinset.training.loop.rates import LinearRate, PartOfRate


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (LinearRate(0.1, 0.0), [0.1, 0.075, 0.05, 0.025, 0.0]),
        (CosineRate(0.2), [0.2, 0.1 + 0.1 * 0.5**0.5, 0.1, 0.1 - 0.1 * 0.5**0.5, 0.0]),
        (CosineRate(0.2, 0.1), [0.2, 0.15 + 0.05 * 0.5**0.5, 0.15, 0.15 - 0.05 * 0.5**0.5, 0.1]),
        (StepRate(0.1), [0.1, 0.1, 0.01, 0.001, 0.001]),
        (StepRate(0.1, 0.5, (0.25,)), [0.1, 0.05, 0.05, 0.05, 0.05]),
        (OneCycleRate(0.1, 0.5), [0.004, 0.052, 0.1, 0.05, 0.0]),
        (WarmUpRate(0.1, 0.5), [0.004, 0.052, 0.1, 0.1, 0.1]),
        (WarmUpRate(LinearRate(0.1, 0.0), 0.5), [0.004, 0.052, 0.1, 0.05, 0.0]),
        (PartOfRate(LinearRate(1.0, 0.0), 0.5, 1.0), [0.5, 0.375, 0.25, 0.125, 0.0]),
    ],
)
def test_the_course_of_a_rate(rate, expected):
    assert [rate(progress / 4) for progress in range(5)] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneCycleRate(0.1, 0.0), "warm_up must be above 0 and below 1, got 0.0"),
        (lambda: WarmUpRate(0.1, 1.0), "warm_up must be above 0 and below 1, got 1.0"),
        (lambda: StepRate(0.1, at=(0.5, 0.5)), r"at must rise .* got \(0.5, 0.5\)"),
        (lambda: StepRate(0.1, at=(0.0,)), "at must rise"),
    ],
)
def test_a_course_that_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
