from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from thinset.results.rank_correlation import (
    bootstrap_draws,
    kendall_tau_b,
    percentile_interval,
    taus_of_draws,
)


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


def test_a_draw_counts_an_item_as_often_as_it_is_drawn():
    generator = np.random.default_rng(1)
    first, second = generator.integers(0, 6, (2, 12)).astype(float)
    draws = bootstrap_draws(12, 40)
    taus = taus_of_draws(first, second, draws)
    for draw, tau in zip(draws, taus, strict=True):
        rows = np.repeat(np.arange(12), draw)
        expected = scipy.stats.kendalltau(first[rows], second[rows], variant="b").statistic
        assert tau == pytest.approx(expected)


def test_a_draw_of_one_item_has_no_order():
    draws = np.array([[3, 0, 0], [1, 1, 1]])
    assert taus_of_draws((1, 2, 3), (1, 2, 3), draws).tolist() == [0.0, 1.0]


def test_draws_are_samples_with_replacement_and_repeat():
    draws = bootstrap_draws(30, 500)
    assert draws.shape == (500, 30)
    assert set(draws.sum(axis=1)) == {30}
    assert np.array_equal(draws, bootstrap_draws(30, 500))
    assert not np.array_equal(draws, bootstrap_draws(30, 500, seed=1))
    # Of 30 items, 1 - (1 - 1/30)^30 of them appear.
    assert (draws > 0).mean() == pytest.approx(1 - (29 / 30) ** 30, abs=0.01)


def test_the_interval_holds_the_central_share():
    assert percentile_interval(np.arange(101.0)) == pytest.approx((2.5, 97.5))
    assert percentile_interval(np.arange(101.0), 0.5) == pytest.approx((25, 75))


def test_intervals_of_independent_rankings_hold_zero_about_as_often_as_they_claim():
    generator = np.random.default_rng(2)
    draws = bootstrap_draws(30, 400)
    holds = []
    for _ in range(100):
        first, second = generator.normal(size=(2, 30))
        low, high = percentile_interval(taus_of_draws(first, second, draws))
        holds.append(low <= 0 <= high)
    assert 0.85 <= np.mean(holds) <= 1.0
