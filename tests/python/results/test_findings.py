from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thinset.results import (
    FULL,
    Arm,
    PairedDifference,
    RunRecord,
    Score,
    described,
    summarise,
)
from thinset.results.findings import Finding, find
from thinset.results.headlines import overall_headline
from thinset.results.verdicts import describe_difference, verdict_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import MakeRecord


INTERVAL = "95 % interval of the difference"


def _runs(make_record: MakeRecord, **accuracies: Sequence[float]) -> list[RunRecord]:
    return [
        make_record(arm, seed, accuracy)
        for arm, scores in accuracies.items()
        for seed, accuracy in enumerate(scores)
    ]


def _plain(text: str) -> str:
    """The text with ordinary spaces and signs."""
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


def _only_finding(records: list[RunRecord]) -> Finding:
    (finding,) = find(summarise(records))
    return finding


@pytest.mark.parametrize(
    ("selected", "random", "verdict", "headline"),
    [
        (
            (50, 51.0, 52.0),
            (45, 46.1, 46.9),
            "better",
            (
                "Keep top-k: 51.0 % against 46.0 % with random samples at equal steps; "
                f"{INTERVAL} +4.8 to +5.2 points"
            ),
        ),
        (
            (45, 46.1, 46.9),
            (50, 51.0, 52.0),
            "worse",
            (
                "Do not keep top-k: 46.0 % against 51.0 % with random samples at equal steps; "
                f"{INTERVAL} -5.2 to -4.8 points"
            ),
        ),
        (
            (50, 51.0, 52.0),
            (49, 53.0, 51.0),
            "no evidence",
            (
                "No clear difference: 51.0 % with top-k, 51.0 % with random samples at equal "
                f"steps; {INTERVAL} -4.3 to +4.3 points"
            ),
        ),
        (
            (90,),
            (10,),
            "spread unknown",
            "One seed cannot tell: 90.0 % with top-k, 10.0 % with random samples at equal steps",
        ),
        (
            (90,),
            (),
            "no baseline",
            "Top-k reaches 90.0 %; there is nothing to compare it with at equal steps",
        ),
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
    assert _plain(finding.headline) == headline


def test_a_gain_over_random_that_is_a_loss_against_full_says_both(make_record: MakeRecord) -> None:
    runs = _runs(make_record, topk=(50, 51, 52), random=(45, 46.1, 46.9), full=(80, 80.5, 82))
    finding = _only_finding(runs)
    assert _plain(finding.headline) == (
        "Train on everything: 80.8 % against 51.0 % with top-k at equal steps; "
        f"{INTERVAL} +29.1 to +30.6 points. Top-k beats only random samples"
    )
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
    assert _plain(finding.headline).startswith(
        "Train on everything, classes balanced: 56.0 % against 51.0 % with top-k at equal steps"
    )
    assert "Against everything, classes balanced: \N{MINUS SIGN}5.0 points" in finding.details[-1]
    assert not any("dedup" in detail for detail in finding.details)
    finding = _only_finding([run for run in (*runs, *balanced) if run.arm != FULL])
    assert finding.headline.startswith("Train on everything, classes balanced: ")


def test_a_subset_alone_is_kept_where_everything_cannot_be_used(make_record: MakeRecord) -> None:
    scores = {"topk": (50, 51, 52), "random": (45, 46.1, 46.9), "full": (80, 80.5, 82)}
    runs = [
        make_record(arm, seed, score, split=1.0)
        for arm, of_seeds in scores.items()
        for seed, score in enumerate(of_seeds)
    ]
    assert _plain(_only_finding(runs).headline) == (
        "Keep top-k if you cannot train on everything (80.8 %): 51.0 % against 46.0 % with random "
        "samples at equal steps; 95 % interval of the difference +4.8 to +5.2 points"
    )


def test_one_paired_seed_may_be_chance(make_record: MakeRecord) -> None:
    finding = _only_finding(_runs(make_record, topk=(90, 91), random=(10,)))
    assert finding.details == (
        "Against random samples: +80.0 points, spread unknown, 1 paired seed.",
        "With one paired seed the spread is unknown: this difference may be chance.",
    )


def test_an_interval_of_no_width_is_not_certainty(make_record: MakeRecord) -> None:
    finding = _only_finding(_runs(make_record, topk=(90.2, 91.2), random=(90.1, 91.1)))
    assert finding.verdict == "spread unknown"
    assert finding.details[0] == (
        "Against random samples: +0.1 points, in every seed, 2 paired seeds."
    )
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
    assert [finding.label for finding in findings] == ["k-means", "max-min dispersion", "top-k"]
    assert _plain(overall_headline(findings)) == (
        "Keep top-k, the only one of 3 subsets that beats random samples at equal steps: "
        f"51.0 % against 46.0 %; {INTERVAL} +4.8 to +5.2 points"
    )
    worse = [finding for finding in findings if finding.verdict == "worse"]
    assert _plain(overall_headline(worse)) == (
        "None of 2 subsets clearly beats random samples (46.0 %) at equal steps: 2 do worse"
    )
    full = [make_record("full", seed, 70.0 + 1.1 * seed) for seed in range(3)]
    told = _plain(overall_headline(find(summarise([*runs, *full]))))
    assert told.startswith("Train on everything: 71.1 % against 51.0 % with top-k at equal steps")
    runs += [make_record("max_sum", seed, 60.0 + 1.1 * seed) for seed in range(3)]
    assert _plain(overall_headline(find(summarise(runs)))) == (
        "2 of 4 subsets beat random samples (46.0 %) at equal steps: max-sum dispersion (+14.7 to "
        "+15.5) or top-k (+4.8 to +5.2); in brackets the 95 % interval of the difference, in points"
    )


def test_equal_time_speaks_first(comparison_records: list[RunRecord]) -> None:
    findings = find(summarise(comparison_records))
    assert [finding.comparison for finding in findings] == ["time", "steps"]
    assert overall_headline(findings) == findings[0].headline
    assert "equal wall-clock time" in findings[0].headline


def test_one_arm_alone_is_compared_with_nothing(make_record: MakeRecord) -> None:
    findings = find(summarise([make_record("full")]))
    assert findings == ()
    assert overall_headline(()) == "No training is finished yet"
    summaries = summarise([make_record("full", seed, 50.0 + seed) for seed in (0, 1)])
    assert _plain(overall_headline(findings, summaries)) == (
        "Everything reaches 50.5 % ± 0.7 (2 seeds); nothing else was trained to compare it with"
    )


def test_without_plain_random_everything_is_the_baseline(make_record: MakeRecord) -> None:
    runs = [make_record("full", seed, 42.0 + seed) for seed in range(3)]
    runs += [make_record("random:per_class", seed, 55.2 + 1.1 * seed) for seed in range(3)]
    finding = _only_finding(runs)
    assert _plain(finding.headline).startswith(
        "Keep random samples per class: 56.3 % against 43.0 % on everything at equal steps; 95 %"
    )
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
    assert [_plain(finding.headline).partition(":")[0] for finding in findings] == [
        "Keep top-k",
        "Too few seeds to tell",
        "Too few seeds to tell",
    ]
    assert "on everything, classes balanced at equal steps" in findings[0].headline
    assert overall_headline(findings).startswith(
        "Keep top-k, the only one of 3 ways that beats everything, classes balanced at equal steps"
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
    assert finding.headline.startswith(
        "Use the dataset generated: 21.07 against 31.00 with random samples at equal steps"
    )
    assert "\N{MINUS SIGN}9.9, 95" in finding.details[0]
