from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thinset.results import (
    FULL,
    RANDOM,
    Arm,
    PairedDifference,
    RunRecord,
    Score,
    described,
    summarise,
)
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
        ((90,), (), "no baseline", "topk has no baseline at equal steps"),
    ],
)
def test_a_gain_is_claimed_only_where_the_interval_says_so(
    make_record: MakeRecord,
    selected: Sequence[float],
    random: Sequence[float],
    verdict: str,
    headline: str,
) -> None:
    finding = _only_finding(_runs(make_record, topk=selected, random=random))
    assert finding.verdict == verdict
    assert finding.headline == headline


def test_a_gain_over_random_that_is_a_loss_against_full_says_both(make_record: MakeRecord) -> None:
    runs = _runs(make_record, topk=(50, 51, 52), random=(45, 46.1, 46.9), full=(80, 80.5, 82))
    finding = _only_finding(runs)
    assert finding.headline == "topk beats random but not full training at equal steps"
    assert "Against training on everything: \N{MINUS SIGN}29.8 points" in finding.details[1]
    assert finding.details[-1] == ("It took 7.50 s in all, preparation included, against 4.00 s.")


def test_another_way_to_train_on_everything_is_held_against_the_gain(
    make_record: MakeRecord,
) -> None:
    runs = _runs(make_record, topk=(50, 51, 52), random=(45, 46.1, 46.9), full=(40, 40.5, 42))
    balanced = [
        make_record("full:balanced", seed, accuracy)
        for seed, accuracy in enumerate((55, 56.2, 56.8))
    ]
    other_length = [
        make_record("full:dedup=0.2", seed, 99.0 + seed / 10, total="9st") for seed in range(3)
    ]
    finding = _only_finding([*runs, *balanced, *other_length])
    assert finding.headline == (
        "topk beats random and full training, but not full:balanced at equal steps"
    )
    assert "Against full:balanced: \N{MINUS SIGN}5.0 points" in finding.details[-1]
    assert not any("dedup" in detail for detail in finding.details)
    finding = _only_finding([run for run in (*runs, *balanced) if run.arm != FULL])
    assert finding.headline == "topk beats random but not full:balanced at equal steps"


def test_one_paired_seed_may_be_chance(make_record: MakeRecord) -> None:
    finding = _only_finding(_runs(make_record, topk=(90, 91), random=(10,)))
    assert finding.details == (
        "Against random: +80.0 points, spread unknown, 1 paired seed.",
        "With one paired seed the spread is unknown: this difference may be chance.",
    )


def test_an_interval_of_no_width_is_not_certainty(make_record: MakeRecord) -> None:
    finding = _only_finding(_runs(make_record, topk=(90.2, 91.2), random=(90.1, 91.1)))
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
    runs = _runs(make_record, topk=(50, 51, 52), random=(45, 46.1, 46.9))
    for method, scores in {"max_min": (20, 22, 21), "kmeans": (30, 31, 33)}.items():
        runs += [make_record(method, s, score) for s, score in enumerate(scores)]
    findings = find(summarise(runs))
    assert [finding.label for finding in findings] == ["kmeans", "max_min", "topk"]
    assert overall_headline(findings, RANDOM) == (
        "3 arms against random at equal steps: 1 better, 2 worse"
    )


def test_equal_time_speaks_first(comparison_records: list[RunRecord]) -> None:
    findings = find(summarise(comparison_records))
    assert [finding.comparison for finding in findings] == ["time", "steps"]
    assert overall_headline(findings) == findings[0].headline
    assert "equal wall-clock time" in findings[0].headline


def test_one_arm_alone_is_compared_with_nothing(make_record: MakeRecord) -> None:
    findings = find(summarise([make_record("full")]))
    assert findings == ()
    assert overall_headline(findings) == "Only one arm was trained, so nothing is compared"


def test_without_plain_random_everything_is_the_baseline(make_record: MakeRecord) -> None:
    runs = [make_record("full", seed, 42.0 + seed) for seed in range(3)]
    runs += [make_record("random:per_class", seed, 55.2 + 1.1 * seed) for seed in range(3)]
    finding = _only_finding(runs)
    assert finding.headline == "random:per_class beats full training at equal steps"
    assert finding.details[0].startswith("Against training on everything: +13.3 points")
    assert sum(detail.startswith("Against") for detail in finding.details) == 1


def test_any_arm_can_be_the_baseline(make_record: MakeRecord) -> None:
    scores = {"full": 40.0, "full:balanced": 60.0, "random": 50.0, "topk": 61.0}
    runs = [
        make_record(arm, seed, score + seed + (0.1 * seed if arm == "topk" else 0.0))
        for arm, score in scores.items()
        for seed in range(3)
    ]
    summaries = summarise(runs, Arm.parse("full:balanced"))
    findings = find(summaries)
    assert [finding.headline for finding in findings] == [
        "topk beats full:balanced and full training at equal steps",
        "Too few seeds to tell random from full:balanced at equal steps",
        "Too few seeds to tell full data from full:balanced at equal steps",
    ]
    assert overall_headline(findings, summaries[0].baseline).startswith(
        "3 arms against full:balanced at equal steps: 1 better"
    )
    with pytest.raises(ValueError, match="the baseline must be one of the arms .*; got kmeans"):
        summarise(runs, Arm.parse("kmeans"))


def test_lower_is_better_where_the_metric_says_so(make_record: MakeRecord) -> None:
    def fids(arm: str, values: Sequence[float]) -> list[RunRecord]:
        changes = {"metrics": described("fid"), "metric": "fid", "curve": ()}
        return [
            make_record(arm, seed, final={"fid": Score(value)}, **changes)
            for seed, value in enumerate(values)
        ]

    runs = [*fids("data:generated", (20.0, 21.0, 22.2)), *fids("random", (30.0, 31.0, 32.0))]
    finding = _only_finding(runs)
    assert finding.headline == "data:generated beats random at equal steps"
    assert "\N{MINUS SIGN}9.9, 95" in finding.details[0]
