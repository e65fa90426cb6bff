from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thinset.results import PairedDifference, RunRecord, summarise
from thinset.results.findings import (
    Finding,
    describe_difference,
    find,
    overall_headline,
    verdict_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import MakeRecord


def _runs(make_record: MakeRecord, **accuracies: Sequence[float]) -> list[RunRecord]:
    return [
        make_record(arm, seed, accuracy)
        for arm, scores in accuracies.items()
        for seed, accuracy in enumerate(scores)
    ]


def _only_finding(records: list[RunRecord]) -> Finding:
    (finding,) = find(summarise(records))
    return finding


@pytest.mark.parametrize(
    ("selected", "random", "verdict", "headline"),
    [
        ((50, 51.0, 52.0), (45, 46.1, 46.9), "better", "topk beats random at equal steps"),
        ((45, 46.1, 46.9), (50, 51.0, 52.0), "worse", "topk does worse than random at equal steps"),
        (
            (50, 51.0, 52.0),
            (49, 53.0, 51.0),
            "no evidence",
            "No evidence that topk beats random at equal steps",
        ),
        ((90,), (10,), "spread unknown", "Too few seeds to tell topk from random at equal steps"),
        ((90,), (), "no baseline", "topk has no random baseline at equal steps"),
    ],
)
def test_a_gain_is_claimed_only_where_the_interval_says_so(
    make_record: MakeRecord,
    selected: Sequence[float],
    random: Sequence[float],
    verdict: str,
    headline: str,
) -> None:
    finding = _only_finding(_runs(make_record, selected=selected, random=random))
    assert finding.verdict == verdict
    assert finding.headline == headline


def test_a_gain_over_random_that_is_a_loss_against_full_says_both(make_record: MakeRecord) -> None:
    runs = _runs(make_record, selected=(50, 51, 52), random=(45, 46.1, 46.9), full=(80, 80.5, 82))
    finding = _only_finding(runs)
    assert finding.headline == "topk beats random but not full training at equal steps"
    assert "Against training on everything: \N{MINUS SIGN}29.8 points" in finding.details[1]
    assert finding.details[-1] == ("It took 7.50 s in all, selection included, against 4.00 s.")


def test_another_way_to_train_on_everything_is_held_against_the_gain(
    make_record: MakeRecord,
) -> None:
    runs = _runs(make_record, selected=(50, 51, 52), random=(45, 46.1, 46.9), full=(40, 40.5, 42))
    balanced = [
        make_record("full", seed, accuracy, method="full:balanced")
        for seed, accuracy in enumerate((55, 56.2, 56.8))
    ]
    other_length = [
        make_record("full", seed, 99.0 + seed / 10, method="full:dedup=0.2", total="9st")
        for seed in range(3)
    ]
    finding = _only_finding([*runs, *balanced, *other_length])
    assert finding.headline == (
        "topk beats random and full training, but not full:balanced at equal steps"
    )
    assert "Against full:balanced: \N{MINUS SIGN}5.0 points" in finding.details[-1]
    assert not any("dedup" in detail for detail in finding.details)
    finding = _only_finding([run for run in (*runs, *balanced) if run.method != "full"])
    assert finding.headline == "topk beats random but not full:balanced at equal steps"


def test_one_paired_seed_may_be_chance(make_record: MakeRecord) -> None:
    finding = _only_finding(_runs(make_record, selected=(90, 91), random=(10,)))
    assert finding.details == (
        "Against random: +80.0 points, spread unknown, 1 paired seed.",
        "With one paired seed the spread is unknown: this difference may be chance.",
    )


def test_an_interval_of_no_width_is_not_certainty(make_record: MakeRecord) -> None:
    finding = _only_finding(_runs(make_record, selected=(90.2, 91.2), random=(90.1, 91.1)))
    assert finding.verdict == "spread unknown"
    assert "no spread to judge by" in finding.details[1]


def test_the_interval_is_written_out() -> None:
    difference = PairedDifference((0, 1, 2, 3), -0.42, (-1.31, 0.47))
    assert describe_difference(difference) == (
        "\N{MINUS SIGN}0.4 points, 95\N{NO-BREAK SPACE}% interval \N{MINUS SIGN}1.3 to +0.5, "
        "4 paired seeds"
    )
    assert verdict_of(difference) == "no evidence"


def test_several_methods_are_counted_and_none_is_picked(make_record: MakeRecord) -> None:
    runs = _runs(make_record, selected=(50, 51, 52), random=(45, 46.1, 46.9))
    for method, scores in {"max_min": (20, 22, 21), "kmeans": (30, 31, 33)}.items():
        runs += [make_record("selected", s, score, method=method) for s, score in enumerate(scores)]
    findings = find(summarise(runs))
    assert [finding.label for finding in findings] == ["kmeans", "max_min", "topk"]
    assert overall_headline(findings) == (
        "3 selections against random at equal steps: 1 better, 2 worse"
    )


def test_equal_time_speaks_first(comparison_records: list[RunRecord]) -> None:
    findings = find(summarise(comparison_records))
    assert [finding.comparison for finding in findings] == ["time", "steps"]
    assert overall_headline(findings) == findings[0].headline
    assert "equal wall-clock time" in findings[0].headline


def test_without_a_selection_nothing_is_compared(make_record: MakeRecord) -> None:
    findings = find(summarise([make_record("full")]))
    assert findings == ()
    assert overall_headline(findings) == "No selection was trained on, so nothing is compared"
