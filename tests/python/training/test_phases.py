from __future__ import annotations

from typing import Any

import pytest

from thinset.training import Duration, LinearRate, Phase, TwoPhase


def lengths(phases: TwoPhase) -> list[tuple[str, str]]:
    return [(phase.name, str(phase.length)) for phase in phases.phases]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (0.5, [("fast", "50st"), ("fine-tuning", "51st")]),
        ("50%", [("fast", "50st"), ("fine-tuning", "51st")]),
        ("95%", [("fast", "96st"), ("fine-tuning", "5st")]),
        (0, [("fine-tuning", "101st")]),
        ("100%", [("fast", "101st")]),
        ("0.25", [("fast", "25st"), ("fine-tuning", "76st")]),
    ],
)
def test_phases_add_up_to_the_total(
    digits, split: float | str, expected: list[tuple[str, str]]
) -> None:
    assert lengths(TwoPhase(digits.train, digits.subset, split, "101st")) == expected


def test_phases_train_on_their_datasets(digits) -> None:
    fast, fine = TwoPhase(digits.train, digits.subset, 0.5, "7min").phases
    assert fast.dataset is digits.subset
    assert fine.dataset is digits.train
    assert str(fast.length) == str(fine.length) == "3.5min"


def test_learning_rates_per_phase(digits) -> None:
    rate = LinearRate(0.1, 0.01)
    phases = TwoPhase(digits.train, digits.subset, 0.5, "10st", fine_tuning_learning_rate=rate)
    assert [phase.learning_rate for phase in phases.phases] == [None, rate]
    assert [rate(0.0), rate(0.5)] == pytest.approx([0.1, 0.055])


@pytest.mark.parametrize("split", [-0.1, 1.1, "101%", "half", "%", float("nan"), None, True])
def test_split_is_a_share(digits, split: Any) -> None:
    with pytest.raises(ValueError, match=r"split must be from 0 to 1.*got"):
        TwoPhase(digits.train, digits.subset, split, "10st")


def test_a_total_of_nothing_is_refused(digits) -> None:
    with pytest.raises(ValueError, match="more than 0, got 0st"):
        TwoPhase(digits.train, digits.subset, 0.5, "0st")


def test_a_phase_parses_its_length(digits) -> None:
    assert Phase("all", digits.train, "3ep").length == Duration(3, "ep")
