"""What a random sample tells about repetition in all of the data."""

from __future__ import annotations

import numpy as np
import pytest

from thinset.experiments.plan.rules import REPEATS, reason_to_deduplicate
from thinset.experiments.plan.sampling import least_share_of_close_pairs


def drawn(n_rows: int, n_places: int, seed: int) -> np.ndarray:
    """Rows at random places of the plane that are more than 1 apart."""
    places = np.random.default_rng(seed).integers(0, n_places, n_rows)
    return np.stack([3.0 * (places // 100), 3.0 * (places % 100)], axis=1)


@pytest.mark.parametrize("n_places", [100, 1_000, 5_000])
def test_the_bound_is_rarely_above_the_truth_and_not_far_below_it(n_places: int) -> None:
    bounds = [least_share_of_close_pairs(drawn(700, n_places, seed), 1.0) for seed in range(60)]
    n_above = sum(bound > 1 / n_places for bound in bounds)
    assert n_above <= 8
    assert np.mean(bounds) > 0.4 / n_places


def test_few_repetitions_at_the_edge_of_the_rule_are_no_reason_to_deduplicate() -> None:
    n_places = 6_000
    n_total = round(REPEATS * n_places)
    reasons = [
        reason_to_deduplicate(n_total, least_share_of_close_pairs(drawn(700, n_places, seed), 1.0))
        for seed in range(60)
    ]
    assert sum(reason is not None for reason in reasons) <= 8


def test_all_rows_alike_are_certainly_so() -> None:
    assert least_share_of_close_pairs(np.ones((50, 4)), 1e-6) == 1.0


def test_no_close_pair_gives_zero() -> None:
    assert least_share_of_close_pairs(np.eye(20), 0.1) == 0.0
