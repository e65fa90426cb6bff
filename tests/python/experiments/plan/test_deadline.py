from __future__ import annotations

import pytest

from thinset.experiments.plan.deadline import Deadline, NoTimeToMeasureError


def test_what_fits_may_be_measured() -> None:
    deadline = Deadline(60)
    deadline.check()
    deadline.require(50, "reading")
    assert 59 < deadline.left <= 60


def test_what_does_not_fit_is_refused_with_both_numbers() -> None:
    with pytest.raises(NoTimeToMeasureError, match=r"reading would take about 70\.0 s, .* left"):
        Deadline(60).require(70, "reading")


def test_a_deadline_that_is_over_stays_over() -> None:
    deadline = Deadline(-1)
    assert deadline.left == 0
    with pytest.raises(NoTimeToMeasureError, match="no time left"):
        deadline.check()
