from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from thinset.results import FULL, Arm, Score, described, summarise
from thinset.results.grouping import (
    FULL_COLOUR,
    RANDOM_COLOUR,
    colour_of,
    group_runs,
    label_of,
    line_style_of,
)

if TYPE_CHECKING:
    from conftest import MakeRecord
    from thinset.results import PairedDifference, RunRecord


def test_mean_spread_and_paired_interval(make_record: MakeRecord) -> None:
    records = [
        *(make_record("random", seed, accuracy) for seed, accuracy in enumerate((40, 44, 45))),
        *(make_record("topk", seed, accuracy) for seed, accuracy in enumerate((41, 46, 48))),
    ]
    selected, random = summarise(reversed(records))
    assert selected.configuration.arm == Arm.parse("topk")
    assert selected.seeds == (0, 1, 2)
    assert selected.scores == (41, 46, 48)
    assert selected.mean == pytest.approx(45.0)
    assert selected.standard_deviation == pytest.approx(math.sqrt((16 + 1 + 9) / 2))
    assert selected.mean_seconds == pytest.approx(7.5)
    assert selected.mean_preparation_seconds == pytest.approx(3.5)
    assert selected.mean_steps == 40

    difference = selected.versus_baseline
    assert difference is not None
    assert difference.seeds == (0, 1, 2)
    assert difference.mean == pytest.approx(2.0)
    # Differences 1, 2, 3: deviation 1, t quantile with two degrees of freedom 4.302653.
    margin = 4.302653 / math.sqrt(3)
    assert difference.interval == pytest.approx((2.0 - margin, 2.0 + margin), abs=1e-5)
    assert random.versus_baseline is None
    assert random.versus_full is None


def test_only_common_seeds_are_paired(make_record: MakeRecord) -> None:
    records = [
        make_record("topk", 1, 50.0),
        make_record("topk", 2, 60.0),
        make_record("random", 2, 57.0),
        make_record("random", 3, 10.0),
    ]
    difference = summarise(records)[0].versus_baseline
    assert difference is not None
    assert difference.seeds == (2,)
    assert difference.mean == pytest.approx(3.0)
    assert difference.interval is None


def test_without_common_seeds_there_is_no_difference(make_record: MakeRecord) -> None:
    records = [make_record("topk", 1), make_record("random", 2)]
    assert summarise(records)[0].versus_baseline is None


def test_one_run_has_no_spread(make_record: MakeRecord) -> None:
    (summary,) = summarise([make_record()])
    assert summary.standard_deviation is None
    assert summary.n == 1


def test_random_of_another_size_or_split_is_no_baseline(make_record: MakeRecord) -> None:
    records = [
        make_record("topk"),
        make_record("random", n_subset=40),
        make_record("random", split=0.9),
        make_record("random", total="80st"),
        make_record("random", comparison="time"),
    ]
    assert all(summary.versus_baseline is None for summary in summarise(records))


def test_full_training_has_no_subset(make_record: MakeRecord) -> None:
    records = [
        make_record("full", 0, 60.0),
        make_record("full", 1, 62.0),
        make_record("topk", 0, 55.0),
    ]
    selected, full = summarise(records)
    assert full.seeds == (0, 1)
    assert selected.versus_full is not None
    assert selected.versus_full.mean == pytest.approx(-5.0)


def test_a_seed_that_occurs_twice_is_refused(make_record: MakeRecord) -> None:
    with pytest.raises(ValueError, match="seed 3 occurs twice"):
        summarise([make_record(seed=3), make_record(seed=3, accuracy=60.0)])


def test_runs_on_datasets_of_different_size_are_refused(make_record: MakeRecord) -> None:
    with pytest.raises(ValueError, match="n_full"):
        summarise([make_record(seed=1), make_record(seed=2, n_full=300)])


def test_the_order_does_not_depend_on_scores(make_record: MakeRecord) -> None:
    def order(better: str) -> list[tuple[str, str]]:
        records = [
            make_record(arm, 0, 90.0 if arm == better else 10.0, comparison=comparison)
            for arm in ("full", "random", "topk")
            for comparison in ("steps", "time")
        ]
        return [
            (summary.configuration.comparison, str(summary.configuration.arm))
            for summary in summarise(records)
        ]

    expected = [
        (comparison, arm) for comparison in ("time", "steps") for arm in ("topk", "random", "full")
    ]
    assert order("topk") == order("full") == expected


def test_a_summary_is_plain_json(make_record: MakeRecord) -> None:
    records = [make_record("topk", seed, 50.0 + seed) for seed in range(2)]
    content = json.loads(json.dumps(summarise(records)[0].to_dict(), allow_nan=False))
    assert content["n"] == 2
    assert content["configuration"]["arm"] == "topk"
    assert content["versus_baseline"] is None


def test_labels_state_only_what_tells_configurations_apart(make_record: MakeRecord) -> None:
    groups = group_runs(
        [
            make_record("full"),
            make_record("random"),
            make_record("topk", split=0.5),
            make_record("topk", split=0.9, n_subset=40, total="20st"),
            make_record("max_min"),
        ]
    )
    assert [label_of(key, groups) for key in groups] == [
        "max-min dispersion",
        "top-k (20 samples, 50\N{NO-BREAK SPACE}% fast, 40 steps)",
        "top-k (40 samples, 90\N{NO-BREAK SPACE}% fast, 20 steps)",
        "random samples",
        "everything",
    ]


def test_colours_tell_arms_apart_and_line_styles_variants(make_record: MakeRecord) -> None:
    groups = group_runs(
        [
            make_record("full"),
            make_record("random"),
            make_record("topk", split=0.5),
            make_record("topk", split=0.9),
            make_record("max_min"),
        ]
    )
    colours = [colour_of(key, groups) for key in groups]
    styles = [line_style_of(key, list(groups)) for key in groups]
    assert colours[3:] == [RANDOM_COLOUR, FULL_COLOUR]
    assert colours[1] == colours[2] != colours[0]
    assert styles == ["-", "-", "--", "-", "-"]


def test_variants_of_random_are_compared_with_plain_random(make_record: MakeRecord) -> None:
    plain = [make_record("random", seed, 50.0 + seed) for seed in range(3)]
    again = [make_record("repeated_random", seed, 52.0) for seed in range(3)]
    summaries = {str(arm.configuration.arm): arm for arm in summarise([*plain, *again])}
    assert summaries["random"].versus_baseline is None
    difference = summaries["repeated_random"].versus_baseline
    assert difference is not None
    assert difference.mean == pytest.approx(1.0)


def test_everything_is_compared_with_random_where_there_is_one(make_record: MakeRecord) -> None:
    full = [make_record("full", seed, 60.0) for seed in range(2)]
    random = [make_record("random", seed, 50.0) for seed in range(2)]
    larger = [make_record("random", seed, 55.0, n_subset=40) for seed in range(2)]

    def gain(*runs: RunRecord) -> PairedDifference | None:
        (found,) = (s for s in summarise(runs) if s.configuration.arm == FULL)
        return found.versus_baseline

    one = gain(*full, *random)
    assert one is not None
    assert one.mean == pytest.approx(10.0)
    assert gain(*full, *random, *larger) is None


def test_a_set_of_another_size_is_compared_with_the_only_baseline(make_record: MakeRecord) -> None:
    random = [make_record("random", seed, 50.0, n_subset=20) for seed in range(2)]
    generated = [make_record("data:made", seed, 51.0, n_subset=500) for seed in range(2)]
    summary = summarise([*random, *generated])[0]
    assert str(summary.configuration.arm) == "data:made"
    assert summary.n_samples == 500, "more than the 200 of the original"
    assert summary.versus_baseline is not None
    assert summary.versus_baseline.mean == pytest.approx(1.0)


def test_runs_of_different_metrics_are_refused(make_record: MakeRecord) -> None:
    other = make_record(
        "kmeans", metrics=described("fid"), metric="fid", final={"fid": Score(3.0)}, curve=()
    )
    with pytest.raises(ValueError, match="one metric, got accuracy, fid"):
        summarise([make_record(), other])
