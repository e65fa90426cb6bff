from __future__ import annotations

import pytest

from thinset.training import Phase, TwoPhase
from thinset.training.loop.schedule import Schedule


def schedule(digits, *lengths: str, **options) -> Schedule:
    phases = [Phase(f"phase {i}", digits.train, length) for i, length in enumerate(lengths)]
    return Schedule(phases, batch_size=100, **options)


def test_lengths_become_steps(digits) -> None:
    n = len(digits.train.images)
    resolved = schedule(digits, "7st", "1ep", "250sa")
    assert [stage.n_steps for stage in resolved.stages] == [7, -(-n // 100), 3]
    assert resolved.n_steps == 7 + -(-n // 100) + 3


def test_epochs_of_two_phases_are_their_own_datasets(digits) -> None:
    phases = TwoPhase(digits.train, digits.subset, 0.5, "4ep")
    counts = [stage.n_steps for stage in Schedule(phases, batch_size=10).stages]
    expected = [-(-2 * len(data.images) // 10) for data in (digits.subset, digits.train)]
    assert counts == expected


def test_time_already_spent_shortens_all_timed_phases_alike(digits) -> None:
    resolved = schedule(digits, "60s", "2min", seconds_already_spent=90.0)
    assert [stage.seconds for stage in resolved.stages] == [30.0, 60.0]
    assert resolved.n_steps is None


def test_time_already_spent_leaves_steps_alone(digits) -> None:
    assert schedule(digits, "7st", seconds_already_spent=1e6).n_steps == 7


def test_a_budget_that_is_spent_is_refused(digits) -> None:
    with pytest.raises(ValueError, match=r"100\.0 s of a budget of 60\.0 s were spent before"):
        schedule(digits, "1min", seconds_already_spent=100.0)


def test_progress_weighs_phases_by_length(digits) -> None:
    steps = schedule(digits, "10st", "30st")
    assert [steps.progress(0, 0.5), steps.progress(1, 0), steps.progress(1, 1)] == [0.125, 0.25, 1]
    seconds = schedule(digits, "45s", "15s")
    assert seconds.progress(1, 0) == 0.75
    mixed = schedule(digits, "10000st", "1s")
    assert mixed.progress(1, 0) == 0.5


@pytest.mark.parametrize("lengths", [(), ("0st",), ("1st", "0s")])
def test_nothing_to_do_is_refused(digits, lengths: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"at least one phase|must be longer than"):
        schedule(digits, *lengths)
