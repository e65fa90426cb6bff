"""What is offered and advised, given what was measured."""

from __future__ import annotations

import dataclasses

from thinset.experiments.plan.measuring import Measured
from thinset.experiments.plan.options import advise, options_for
from thinset.experiments.plan.pace import Pace
from thinset.experiments.plan.sampling import Sample
from thinset.results import Arm
from thinset.results.plan import Choice, PlannedSubset, Prediction
from thinset.training import Duration

CALM = Sample(0.0, 1.0, 0.5, 0.01, 1e-5, 1000, 8)
QUICK = Pace(0.01, 1e-4, 0.02, 10**8)
WAITING = Pace(0.04, 1e-4, 0.75, 10**8)


def advised(data, total, measured, **changes):
    """The arm that is advised, with choices that differ in the steps that are left alone."""
    options = options_for(data, Duration.parse(total), measured)
    left = changes.get("steps", {})
    forecasts = changes.get("forecasts", {})
    choices = tuple(
        Choice(option.arm, option.subset, {}, left.get(str(option.arm), 100), 1.0, 0.1, 0.0,
               10**8, 0, forecasts.get(str(option.arm)))
        for option in options
    )  # fmt: skip
    number, reasons = advise(options, choices, changes.get("repeated", 0.0))
    return choices[number], reasons


def test_calm_data_are_best_trained_on_as_they_are(digits) -> None:
    choice, reasons = advised(digits["train"], "60s", Measured(QUICK, QUICK, None, {}, CALM))
    assert str(choice.arm) == "full"
    assert "no subset has been found to beat full-data training" in reasons[0]
    assert "samples do not repeat" in reasons[0]


def test_some_repetition_is_not_called_none(digits) -> None:
    measured = Measured(QUICK, QUICK, None, {}, CALM)
    choice, (reason,) = advised(digits["train"], "60s", measured, repeated=0.1031)
    assert str(choice.arm) == "full"
    assert "too few samples repeat to matter (10.3 % repeat others)" in reason
    (reason,) = advised(digits["train"], "60s", measured, repeated=None)[1]
    assert "repetition of samples was not measured" in reason


def test_what_waits_for_images_gets_them_into_memory(digits) -> None:
    measured = Measured(WAITING, QUICK, 0.02, {}, CALM)
    choice, (reason,) = advised(digits["train"], "60s", measured)
    # 0.15 * 60 s / 0.02 s = 450 of 1,438 images can be decoded within the share meant for it.
    assert (str(choice.arm), choice.subset) == ("random", PlannedSubset(0.31, 0.9))
    assert "75 % of full-data training is waiting for images" in reason
    assert "100 steps a second, 4.0 times as many" in reason
    choice, _ = advised(digits["train"], "10min", measured)
    assert (str(choice.arm), choice.subset) == ("full:resident", None)
    does_not_wait = dataclasses.replace(measured, pace=QUICK)
    assert advised(digits["train"], "60s", does_not_wait)[0].arm == Arm.parse("full")


def test_what_repeats_itself_is_deduplicated(digits) -> None:
    repetitive = dataclasses.replace(CALM, near_duplicates=0.02)
    measured = Measured(QUICK, QUICK, None, {}, repetitive)
    choice, (reason,) = advised(digits["train"], "60s", measured)
    assert (str(choice.arm), choice.subset) == ("full:dedup=0.2", None)
    assert "as if there were 50 different ones" in reason


def test_classes_that_differ_in_size_are_balanced(lopsided) -> None:
    choice, (reason,) = advised(lopsided, "60s", Measured(QUICK, QUICK, None, {}, CALM))
    assert (str(choice.arm), choice.subset) == ("full:balanced", None)
    assert "classes differ in size, 14 to 140" in reason


def test_both_are_advised_where_both_are_needed(lopsided) -> None:
    repetitive = dataclasses.replace(CALM, near_duplicates=0.2)
    measured = Measured(QUICK, QUICK, None, {}, repetitive)
    choice, (reason,) = advised(lopsided, "60s", measured)
    assert str(choice.arm) == "full:balanced:dedup=0.2"
    assert "samples repeat" in reason
    assert "classes differ in size" in reason
    # Balancing costs nothing, so it is what is left where there is no time to deduplicate.
    short = {"full:balanced:dedup=0.2": 10, "full:dedup=0.2": 10}
    choice, reasons = advised(lopsided, "60s", measured, steps=short)
    assert str(choice.arm) == "full:balanced"
    assert "only 10 steps of 100 would be left" in reasons[0]


def test_a_subset_is_balanced_where_images_wait_and_classes_differ(lopsided) -> None:
    measured = Measured(WAITING, QUICK, 0.02, {}, CALM)
    choice, (reason,) = advised(lopsided, "5s", measured)
    assert str(choice.arm) == "random:per_class"
    assert "waiting for images" in reason
    assert "classes differ in size" in reason
    assert advised(lopsided, "10min", measured)[0].arm == Arm.parse("full:balanced:resident")


def test_nothing_that_needs_embeddings_is_offered_where_they_were_not_measured(lopsided) -> None:
    sample = dataclasses.replace(CALM, near_duplicates=0.2)
    for measured in (Measured(QUICK, QUICK, None, None, sample, "no time"),
                     Measured(QUICK, QUICK, None, None, None, "no time")):  # fmt: skip
        options = options_for(lopsided, Duration.parse("60s"), measured)
        assert [str(option.arm) for option in options] == ["full", "full:balanced", "loss_pruning"]


def test_what_leaves_no_time_is_not_advised(digits) -> None:
    repetitive = dataclasses.replace(CALM, near_duplicates=0.02)
    measured = Measured(QUICK, QUICK, None, {}, repetitive)
    choice, (reason,) = advised(digits["train"], "60s", measured, steps={"full:dedup=0.2": 49})
    assert str(choice.arm) == "full"
    assert "only 49 steps of 100 would be left" in reason
    choice, _ = advised(digits["train"], "60s", measured, steps={"full:dedup=0.2": 51})
    assert str(choice.arm) == "full:dedup=0.2"
    nothing = dict.fromkeys(("full", "full:dedup=0.2", "kmeans:per_class", "loss_pruning"), 0)
    assert advised(digits["train"], "60s", measured, steps=nothing)[0].arm == Arm.parse("full")


def test_short_trainings_overrule_the_rules_where_they_are_clear(digits) -> None:
    repetitive = dataclasses.replace(CALM, near_duplicates=0.02)
    measured = Measured(QUICK, QUICK, None, {}, repetitive)
    full = Prediction(80.0, 78.0, 82.0)
    for theirs, arm in ((Prediction(75.0, 73.0, 77.9), "full"),
                        (Prediction(76.0, 74.0, 78.1), "full:dedup=0.2")):  # fmt: skip
        forecasts = {"full": full, "full:dedup=0.2": theirs}
        assert advised(digits["train"], "60s", measured, forecasts=forecasts)[0].arm == Arm.parse(
            arm
        )
