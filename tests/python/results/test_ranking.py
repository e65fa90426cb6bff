from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from thinset.report import RankingInputs, plots, write_ranking_report
from thinset.results import RANDOM, REFERENCE, Arm, summarise_ranking
from thinset.results.ranking import HyperParameters, Trained, kendall_tau_b

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeRecord

TOPK = Arm.parse("topk")
RATES = (0.01, 0.1, 1.0)
TRUTH = (60.0, 80.0, 70.0)


def trainings(arm: Arm, scores: dict[int, tuple[float, ...]], seconds: float) -> list[Trained]:
    return [
        Trained(arm, HyperParameters(rate, 1.0), seed, accuracy, seconds)
        for seed, accuracies in scores.items()
        for rate, accuracy in zip(RATES, accuracies, strict=True)
    ]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((1, 2, 3, 4), (10, 20, 30, 40), 1.0),
        ((1, 2, 3, 4), (40, 30, 20, 10), -1.0),
        ((1, 2, 3), (1, 3, 2), 1 / 3),
        # With ties, by hand: pairs 6, concordant 4, none discordant, one tie in each.
        ((1, 1, 2, 3), (1, 2, 2, 3), 4 / 5),
        ((1, 1, 1), (1, 2, 3), 0.0),
    ],
)
def test_kendalls_tau_with_ties(first, second, expected):
    assert kendall_tau_b(first, second) == pytest.approx(expected)
    assert kendall_tau_b(second, first) == pytest.approx(expected)


def test_agreement_and_regret_are_taken_seed_by_seed():
    reference = trainings(REFERENCE, {0: TRUTH, 1: TRUTH}, 10.0)
    random = trainings(RANDOM, {0: (30.0, 50.0, 40.0), 1: (50.0, 30.0, 40.0)}, 2.0)
    summary = summarise_ranking(reference, {RANDOM: random}, {RANDOM: 5.0})
    assert [arm.arm for arm in summary] == [REFERENCE, RANDOM]
    assert summary[0].agreement == {0: 1.0, 1: 1.0}
    assert summary[0].regret == {0: 0.0, 1: 0.0}
    assert summary[0].seconds == 30.0
    assert summary[1].agreement == {0: pytest.approx(1.0), 1: pytest.approx(-1.0)}
    # Seed 0 takes the best; seed 1 takes rate 0.01, which gives 60 where 80 was to be had.
    assert summary[1].regret == {0: 0.0, 1: 20.0}
    assert summary[1].seconds == 3 * 2.0 + 5.0
    assert summary[1].accuracies[HyperParameters(0.01, 1.0)] == 40.0


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
    assert [arm.arm for arm in summary] == [REFERENCE, RANDOM]
    assert list(summary[1].agreement) == [0]


@pytest.mark.parametrize("n_arms", [1, 2, 3, 4, 5, 7])
def test_the_figure_has_a_panel_for_each_arm_and_no_other(n_arms):
    reference = trainings(REFERENCE, {0: TRUTH}, 10.0)
    arms = {Arm.recorded(f"topk:seed={n}"): trainings(TOPK, {0: TRUTH}, 1.0) for n in range(n_arms)}
    summary = summarise_ranking(reference, arms, {})
    figure = plots.rankings(summary[0], summary[1:])
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
    assert "random 1.00, topk 0.33" in text
    assert 'id="rankings"' in text
    assert "rate 0.1, width 1" in text
    assert (tmp_path / "out" / "plots" / "rankings.png").exists()
