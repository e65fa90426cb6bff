from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.report import RankingInputs, plots, write_ranking_report
from thinset.results import FULL, REFERENCE, Arm, summarise_ranking
from thinset.results import RANDOM as RANDOM_ARM
from thinset.results.ranking import (
    MULTIPLY_ADDS,
    HyperParameters,
    Ranker,
    Trained,
    labels_of,
    ranked_by_size,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import MakeRecord

RANDOM = Ranker(RANDOM_ARM, 100)
TOPK = Ranker(Arm.parse("topk"), 100)
RATES = (0.01, 0.1, 1.0)
TRUTH = (60.0, 80.0, 70.0)


def trainings(
    ranker: Ranker, scores: dict[int, tuple[float, ...]], seconds: float
) -> list[Trained]:
    return [
        Trained(ranker, HyperParameters(rate, 1.0), seed, accuracy, seconds)
        for seed, accuracies in scores.items()
        for rate, accuracy in zip(RATES, accuracies, strict=True)
    ]


def test_agreement_and_regret_are_taken_seed_by_seed():
    reference = trainings(REFERENCE, {0: TRUTH, 1: TRUTH}, 10.0)
    random = trainings(RANDOM, {0: (30.0, 50.0, 40.0), 1: (50.0, 30.0, 40.0)}, 2.0)
    summary = summarise_ranking(reference, {RANDOM: random}, {RANDOM: 5.0})
    assert [each.ranker for each in summary] == [REFERENCE, RANDOM]
    assert summary[0].agreement == {0: 1.0, 1: 1.0}
    assert summary[0].regret == {0: 0.0, 1: 0.0}
    assert summary[0].seconds == 30.0
    assert summary[1].agreement == {0: pytest.approx(1.0), 1: pytest.approx(-1.0)}
    # Seed 0 takes the best; seed 1 takes rate 0.01, which gives 60 where 80 was to be had.
    assert summary[1].regret == {0: 0.0, 1: 20.0}
    assert summary[1].seconds == 3 * 2.0 + 5.0
    assert summary[1].accuracies[HyperParameters(0.01, 1.0)] == 40.0


def test_the_reference_is_compared_with_its_other_seeds():
    scores = {0: TRUTH, 1: (60.0, 70.0, 80.0), 2: TRUTH}
    (reference,) = summarise_ranking(trainings(REFERENCE, scores, 10.0), {}, {})
    # The orders of the seeds 0 and 1, and 1 and 2, differ in one of three pairs.
    assert reference.agreement == pytest.approx({0: 2 / 3, 1: 1 / 3, 2: 2 / 3})
    assert reference.agreement_interval is None
    (alone,) = summarise_ranking(trainings(REFERENCE, {0: TRUTH}, 10.0), {}, {})
    assert alone.agreement == {}


def architectures(
    ranker: Ranker, scores: Sequence[float], seeds: Sequence[int] = (0,)
) -> list[Trained]:
    return [
        Trained(ranker, f"cnn:{number}", seed, score, 1.0)
        for seed in seeds
        for number, score in enumerate(scores)
    ]


def test_intervals_are_over_candidates_and_paired():
    generator = np.random.default_rng(0)
    truth = generator.normal(size=30)
    noisy = truth + generator.normal(size=30)
    rankings = summarise_ranking(
        architectures(REFERENCE, truth),
        {
            Ranker(FULL): architectures(Ranker(FULL), truth),
            RANDOM: architectures(RANDOM, noisy),
            TOPK: architectures(TOPK, noisy),
        },
        {},
    )
    full, random, topk = rankings[1:]
    assert full.agreement_interval == (1.0, 1.0)
    low, high = random.agreement_interval
    assert low < random.mean_agreement < high < 1
    assert low == pytest.approx(random.mean_agreement - 0.25, abs=0.1)
    # The same scores: whatever is drawn, the difference is zero. Independent draws would differ.
    assert topk.versus_random == {0: 0.0}
    assert topk.versus_random_interval == (0.0, 0.0)
    assert random.versus_random is random.versus_random_interval is None
    assert full.versus_random_interval == pytest.approx((1 - high, 1 - low))
    assert full.versus_random == {0: 1 - random.mean_agreement}


def test_random_subsets_of_the_same_size_are_compared():
    small, large = Ranker(RANDOM_ARM, 10), Ranker(RANDOM_ARM, 100)
    others = {
        small: architectures(small, (3, 2, 1)),
        large: architectures(large, (1, 3, 2)),
        TOPK: architectures(TOPK, (1, 2, 3)),
        Ranker(FULL): architectures(Ranker(FULL), (1, 2, 3)),
    }
    rankings = summarise_ranking(architectures(REFERENCE, (1, 2, 3)), others, {})
    found = {each.ranker: each.versus_random for each in rankings[1:]}
    assert found[TOPK] == pytest.approx({0: 1 - 1 / 3})
    assert found[Ranker(FULL)] is None  # there are two sizes
    assert labels_of(others)[large] == "random samples, 100 samples"
    assert labels_of(others)[Ranker(FULL)] == "everything"
    assert labels_of([small, Ranker(RANDOM_ARM, 0.125)])[Ranker(RANDOM_ARM, 0.125)] == (
        "random samples, 12.5\N{NO-BREAK SPACE}%"
    )
    assert labels_of([TOPK, large])[TOPK] == "top-k"


def test_architectures_are_ranked_by_their_size_as_a_control():
    sizes = {"cnn:0": 10, "cnn:1": 30, "cnn:2": 20}
    reference = architectures(REFERENCE, (50, 60, 70), seeds=(0, 1))
    _, control = summarise_ranking(reference, ranked_by_size(sizes, (0, 1)), {})
    assert control.ranker == MULTIPLY_ADDS
    assert control.agreement == pytest.approx({0: 1 / 3, 1: 1 / 3})
    assert control.regret == {0: 10, 1: 10}
    assert control.seconds == 0
    assert ranked_by_size({}, (0, 1)) == {}


def test_only_seeds_that_both_have_are_compared():
    reference = trainings(REFERENCE, {0: TRUTH}, 10.0)
    random = trainings(RANDOM, {0: TRUTH, 1: (1.0, 2.0, 3.0)}, 2.0)
    (_, arm) = summarise_ranking(reference, {RANDOM: random}, {})
    assert arm.agreement == {0: 1.0}


def test_a_seed_that_is_not_finished_does_not_count():
    reference = trainings(REFERENCE, {0: TRUTH, 1: TRUTH}, 10.0)
    random = trainings(RANDOM, {0: TRUTH, 1: TRUTH}, 2.0)[:-1]
    topk = trainings(TOPK, {0: TRUTH}, 2.0)[:-1]
    summary = summarise_ranking(reference, {RANDOM: random, TOPK: topk}, {})
    assert [each.ranker for each in summary] == [REFERENCE, RANDOM]
    assert list(summary[1].agreement) == [0]


@pytest.mark.parametrize("n_arms", [1, 2, 3, 4, 5, 7])
def test_the_figure_has_a_panel_for_each_arm_and_no_other(n_arms):
    reference = trainings(REFERENCE, {0: TRUTH}, 10.0)
    arms = {
        Ranker(Arm.recorded(f"topk:seed={n}")): trainings(TOPK, {0: TRUTH}, 1.0)
        for n in range(n_arms)
    }
    summary = summarise_ranking(reference, arms, {})
    figure = plots.rankings(summary[0], summary[1:], labels_of(arms))
    assert sum(axes.get_visible() for axes in figure.axes) == n_arms


def test_the_page_tells_agreements_and_picks_none(make_record: MakeRecord, tmp_path: Path) -> None:
    reference = trainings(REFERENCE, {0: TRUTH, 1: TRUTH}, 10.0)
    arms = {
        RANDOM: trainings(RANDOM, {0: TRUTH, 1: (1.0, 3.0, 2.0)}, 1.0),
        TOPK: trainings(TOPK, {0: (3.0, 2.0, 1.0), 1: TRUTH}, 1.0),
    }
    inputs = RankingInputs(
        "A search",
        "noise",
        summarise_ranking(reference, arms, {}),
        [make_record(arm, seed) for arm, seed in itertools.product(("random",), range(2))],
        "thinset reproduce repeated_search",
    )
    page = write_ranking_report(inputs, tmp_path / "out")
    text = page.read_text(encoding="utf-8")
    assert re.search(
        r"<h1>(Rank|No evidence for ranking|\d of \d short ways to rank) .*settings .*</h1>", text
    )
    assert 'id="rankings"' in text
    assert "rate 0.1, width 1" in text
    assert {path.stem for path in (tmp_path / "out" / "plots").glob("*.png")} == {
        "agreement",
        "rankings",
    }


def test_the_page_of_architectures_shows_sizes_and_the_control(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    sizes = {"cnn:0": 1_000_000, "cnn:1": 2_340_000, "cnn:2": 3_000_000}
    large = Ranker(RANDOM_ARM, 1000)
    others = {
        Ranker(FULL): architectures(Ranker(FULL), (1, 3, 2)),
        RANDOM: architectures(RANDOM, (3, 2, 1)),
        large: architectures(large, (1, 2, 3)),
        TOPK: architectures(TOPK, (1, 2, 3)),
        Ranker(TOPK.arm, 1000): architectures(TOPK, (2, 1, 3)),
        **ranked_by_size(sizes, [0]),
    }
    reference = architectures(REFERENCE, (51, 52, 53))
    inputs = RankingInputs(
        "A search",
        "noise",
        summarise_ranking(reference, others, {}),
        [make_record("random", 0)],
        "thinset reproduce nas",
        candidates="architectures",
        multiply_adds=sizes,
    )
    text = write_ranking_report(inputs, tmp_path / "out").read_text(encoding="utf-8")
    assert "Kendall&#39;s tau \N{MINUS SIGN}1.00 to 1.00, where 1 is the same order" in text
    assert "noise. Ranked: 3 architectures" in text
    assert "random samples, 1,000 samples" in text
    assert "2.34 M" in text
    assert "the control without any training" in text
    # The best of the reference comes first.
    assert text.rindex(">cnn:2<") < text.rindex(">cnn:1<") < text.rindex(">cnn:0<")
