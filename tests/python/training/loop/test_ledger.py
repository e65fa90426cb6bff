from __future__ import annotations

import itertools

import pytest

from thinset.training import Ledger


def test_times_add_up_by_stage_in_order_of_entry() -> None:
    ledger = Ledger(clock=itertools.count(0, 2).__next__)
    with ledger.stage("encoding"):
        pass
    with ledger.stage("selection"):
        pass
    with ledger.stage("encoding"):
        pass
    ledger.add("writing", 0.5)
    assert list(ledger.seconds.items()) == [("encoding", 4), ("selection", 2), ("writing", 0.5)]
    assert ledger.total == 6.5


def test_a_stage_that_fails_counts_too() -> None:
    ledger = Ledger(clock=itertools.count(0, 3).__next__)
    with pytest.raises(OSError), ledger.stage("writing"):
        raise OSError
    assert ledger.seconds == {"writing": 3}


def test_stages_do_not_nest() -> None:
    ledger = Ledger()
    with (
        pytest.raises(ValueError, match="'inner' cannot begin inside stage 'outer'"),
        ledger.stage("outer"),
        ledger.stage("inner"),
    ):
        pass


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_time_is_finite_and_not_negative(seconds: float) -> None:
    with pytest.raises(ValueError, match="must be finite and >= 0"):
        Ledger().add("writing", seconds)
