"""Two rounds: figures and certificates are those of all rows, and bounds hold."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from sharded_rows import CUTS
from thinset import distributed

K = 24
METRICS = ("euclidean", "sqeuclidean", "cosine")
FIGURE = {
    "max_min": "covering_radius",
    "max_sum": "sum_of_pairwise_distances",
    "facility_location": "sum_of_nearest_distances",
}


def chosen(X, method, **options):
    return distributed.select(np.split(X, CUTS), K, method, rounds=2, **{"n_workers": 4, **options})


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("method", FIGURE)
def test_the_figures_are_those_of_all_rows(X, method, metric):
    found = chosen(X, method, metric=metric)
    known = dict(found.objective.known)
    assert FIGURE[method] in known
    again = thinset.Selection(found.indices, found.gains, len(X), method, found.params)
    assert len(set(found.indices.tolist())) == K
    for name, value in known.items():
        assert value == pytest.approx(again.objective_from(X)[name], rel=1e-7)


@pytest.mark.parametrize("metric", METRICS)
def test_the_bounds_hold_for_the_best_that_is_known(X, metric):
    spread = thinset.select(X, K, "max_min", metric=metric).objective
    found = chosen(X, "max_min", metric=metric)
    bounds = found.certificates
    assert 0 < bounds["lower_bound_of_covering_radius"] <= spread["covering_radius"]
    upper = bounds["upper_bound_of_smallest_pairwise_distance"]
    assert spread["smallest_pairwise_distance"] <= upper
    # The theorem's factor 4; squares of distances have its square.
    factor = 4 if metric == "euclidean" else 16
    assert found.objective["covering_radius"] <= factor * spread["covering_radius"]
    assert bounds["covering_radius_over_best_possible"] == pytest.approx(
        found.objective["covering_radius"] / bounds["lower_bound_of_covering_radius"]
    )
    greedy = thinset.select(X, K, "max_sum", metric=metric, max_swaps=100)
    sums = chosen(X, "max_sum", metric=metric)
    best = greedy.objective["sum_of_pairwise_distances"]
    bound = sums.certificates["upper_bound_of_sum_of_pairwise_distances"]
    assert best <= bound
    assert sums.certificates["share_of_best_possible_sum"] > 0.7


def test_the_bounds_hold_for_the_best_of_all_subsets():
    generator = np.random.default_rng(2)
    for _ in range(20):
        X = generator.standard_normal((8, 2))
        for metric in METRICS:
            found = distributed.select(X, 3, "max_min", metric=metric, rounds=2, n_workers=2)
            sums = distributed.select(X, 3, "max_sum", metric=metric, rounds=2, n_workers=2)
            radii, apart, best = all_subsets(X, 3, metric)
            bounds = found.certificates
            assert bounds["lower_bound_of_covering_radius"] <= radii
            assert apart <= bounds["upper_bound_of_smallest_pairwise_distance"]
            assert best <= sums.certificates["upper_bound_of_sum_of_pairwise_distances"]


def all_subsets(X, k, metric):
    """Smallest radius, largest smallest distance and largest sum, of all k rows."""
    from itertools import combinations

    unit = X / np.linalg.norm(X, axis=1, keepdims=True) if metric == "cosine" else X
    pairs = np.square(unit[:, None] - unit).sum(axis=2)
    pairs = np.sqrt(pairs) if metric == "euclidean" else pairs
    pairs = pairs / 2 if metric == "cosine" else pairs
    subsets = [list(rows) for rows in combinations(range(len(X)), k)]
    above = np.triu_indices(k, 1)
    return (
        min(pairs[rows].min(axis=0).max() for rows in subsets),
        max(pairs[np.ix_(rows, rows)][above].min() for rows in subsets),
        max(pairs[np.ix_(rows, rows)][above].sum() for rows in subsets),
    )


def test_a_greedy_choice_of_one_part_is_within_twice_the_best(X):
    bounds = chosen(X, "max_min", n_workers=1).certificates
    assert bounds["covering_radius_over_best_possible"] == pytest.approx(2)


def test_facility_location_does_not_lose_much_and_states_its_gains(X):
    found = chosen(X, "facility_location")
    greedy = thinset.select(X, K, "facility_location")
    cost = found.objective["sum_of_nearest_distances"]
    assert cost < 1.2 * greedy.objective["sum_of_nearest_distances"]
    assert -found.gains.sum() == pytest.approx(cost)
    assert found.gains[0] < 0 < found.gains[1]


def test_larger_coresets_are_recorded_and_too_small_ones_refused(X):
    assert chosen(X, "max_sum", coreset_size=30).params["coreset_size"] == 30
    with pytest.raises(ValueError, match="coreset_size = 2 gives 8 rows from 4 parts, fewer"):
        chosen(X, "max_min", coreset_size=2)
    with pytest.raises(ValueError, match="coreset_size applies to rounds=2 only"):
        distributed.select(X, K, "topk", coreset_size=30)
    with pytest.raises(ValueError, match="takes the kernel distance, got 'gaussian'"):
        chosen(X, "facility_location", kernel="gaussian")
