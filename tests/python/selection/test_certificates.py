"""Certificates are never broken: they are held to the best of all subsets, tried one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import thinset
from exactness.matrices import FAMILIES
from oracles.best_subset import best_figures
from thinset import _core

SUM = "upper_bound_of_sum_of_pairwise_distances"
SMALLEST = "upper_bound_of_smallest_pairwise_distance"
RADIUS = "lower_bound_of_covering_radius"
COST = "lower_bound_of_sum_of_nearest_distances"
METRICS = ["euclidean", "sqeuclidean", "cosine"]


def many(n_examples):
    return settings(max_examples=n_examples, deadline=None, suppress_health_check=list(HealthCheck))


def matrix(family, seed, n, d, metric="euclidean"):
    X = np.ascontiguousarray(FAMILIES[family](np.random.default_rng(seed), n, d))
    if metric == "cosine":
        X[np.linalg.norm(X, axis=1) == 0, 0] = 1.0
        if not np.all(np.sqrt((X * X).sum(axis=1)) > 0):
            X = np.ones_like(X)
    return X


def allowance(k, metric):
    """Rounding of the figures that bounds are compared with, which are not exact themselves."""
    return 1e-14 * k * k if metric == "cosine" else 0.0


def broken_bounds(X, k, indices, metric):
    """The bounds, of four, that some subset of k rows breaks, with what it reaches."""
    best_sum, best_smallest, best_radius, best_cost = best_figures(X, k, metric)
    bound = {
        name: getattr(_core, name)(X, indices, metric=metric)
        for name in ((SUM, SMALLEST, RADIUS, COST) if k > 1 else (RADIUS, COST))
    }
    off = allowance(k, metric)
    broken = []
    if not bound[RADIUS] <= best_radius * (1 + 1e-14) + off:
        broken.append((RADIUS, bound[RADIUS], best_radius))
    if not 0.0 <= bound[COST] <= best_cost * (1 + 1e-14) + off:
        broken.append((COST, bound[COST], best_cost))
    for name, best in ((SUM, best_sum), (SMALLEST, best_smallest)) if k > 1 else ():
        if not bound[name] >= best * (1 - 1e-14) - off:
            broken.append((name, bound[name], best))
    return broken


@many(1500)
@given(
    st.sampled_from(sorted(FAMILIES)),
    st.integers(0, 2**32),
    st.integers(1, 9),
    st.sampled_from([1, 2, 3, 5, 17]),
    st.sampled_from(METRICS),
    st.data(),
)
def test_no_subset_breaks_a_bound(family, seed, n, d, metric, data):
    k = data.draw(st.integers(1, n))
    X = matrix(family, seed, n, d, metric)
    indices = np.random.default_rng(seed).permutation(n)[:k].astype(np.int64)
    assert broken_bounds(X, k, indices, metric) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_no_subset_of_many_matrices_breaks_a_bound(family, metric):
    for seed in range(300):
        g = np.random.default_rng([seed, 1])
        n, d = int(g.integers(2, 11)), int(g.choice([1, 2, 3, 5, 17]))
        k = int(g.integers(1, n + 1))
        X = matrix(family, seed, n, d, metric)
        assert broken_bounds(X, k, g.permutation(n)[:k], metric) == []


@pytest.mark.parametrize("metric", METRICS)
def test_balls_that_hold_more_than_two_points(metric):
    for seed in range(6):
        for family in ("normal", "decaying_spectrum", "tight_clusters", "one_hot"):
            X = matrix(family, seed, 13, 4, metric)
            for k in (2, 4, 7):
                assert broken_bounds(X, k, np.arange(k), metric) == []


@many(400)
@given(
    st.sampled_from(sorted(FAMILIES)), st.integers(0, 2**32), st.sampled_from(METRICS), st.data()
)
@example("normal", 0, "euclidean", None)
@pytest.mark.slow
def test_bounds_hold_for_larger_matrices(family, seed, metric, data):
    """Past what can be tried one by one, for what the methods themselves find."""
    n, d, k = 150, 6, 20
    if data is not None:
        n, k = data.draw(st.integers(30, 400)), data.draw(st.integers(2, 30))
    X = matrix(family, seed, n, d, metric)
    if metric == "cosine" and np.linalg.norm(X.mean(axis=0)) == 0:
        return
    bound = {
        name: getattr(_core, name)(X, np.arange(k), metric=metric)
        for name in (SUM, SMALLEST, RADIUS, COST)
    }
    off = allowance(k, metric)
    for method in ("max_sum", "max_min", "kmeans", "random"):
        if method == "kmeans" and metric == "cosine":
            continue
        try:
            figures = thinset.select(X, k, method, metric=metric).objective
        except ValueError:
            continue
        assert figures["sum_of_pairwise_distances"] <= bound[SUM] * (1 + 1e-12) + off
        assert figures["smallest_pairwise_distance"] <= bound[SMALLEST] * (1 + 1e-12) + off
        assert figures["covering_radius"] >= bound[RADIUS] * (1 - 1e-12) - off
        assert figures["sum_of_nearest_distances"] >= bound[COST] * (1 - 1e-12) - off


@pytest.mark.parametrize("metric", METRICS)
def test_bounds_are_tight_where_they_can_be(metric):
    X = np.random.default_rng(0).standard_normal((2000, 16)).astype(np.float32)
    best = thinset.select(X, 100, "max_sum", metric=metric).certificates
    assert 0.99 < best["share_of_best_possible_sum"] <= 1.0
    spread = thinset.select(X, 100, "max_min", metric=metric).certificates
    # The factors that farthest-point selection has by itself, in squares where the metric is.
    at_most = 2.0 if metric == "euclidean" else 4.0
    assert 1.0 <= spread["covering_radius_over_best_possible"] < 0.8 * at_most
    assert 1.0 >= spread["share_of_best_possible_smallest_distance"] >= 1.0 / at_most
    # The best share is the same question whatever the selection: chance is far below.
    chance = thinset.select(X, 100, "random", metric=metric).certificates
    assert chance["share_of_best_possible_sum"] < best["share_of_best_possible_sum"] - 0.01
    assert chance[RADIUS] == spread[RADIUS]


@pytest.mark.parametrize("metric", METRICS)
def test_medoids_are_proved_nearly_the_best(metric):
    X = np.random.default_rng(0).standard_normal((900, 12)).astype(np.float32)
    swapped = thinset.select(X, 60, "facility_location", metric=metric, max_swaps=10**6)
    assert 1.0 <= swapped.certificates["sum_of_nearest_distances_over_best_possible"] < 1.03
    chance = thinset.select(X, 60, "random", metric=metric).certificates
    assert chance[COST] > 0.97 * swapped.certificates[COST]


def test_the_cost_of_few_medoids_is_bounded_too():
    X = np.random.default_rng(1).standard_normal((2500, 12)).astype(np.float32)
    # With three medoids, more pairs matter than are listed.
    for k, at_most in ((1, 1.0 + 1e-8), (3, 1.1)):
        few = thinset.select(X, k, "facility_location").certificates
        assert 1.0 <= few["sum_of_nearest_distances_over_best_possible"] < at_most


def test_all_rows_are_the_best_choice_of_all_rows():
    X = np.random.default_rng(1).standard_normal((30, 4))
    certificates = thinset.select(X, 30, "random").certificates
    assert certificates["share_of_best_possible_sum"] > 1 - 1e-12
    assert certificates["covering_radius_over_best_possible"] == 1.0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("integers", [False, True])
def test_bounds_of_a_few_rows_are_close_to_the_best(metric, integers):
    """Balls alone proved 1.2 to 2 times the best smallest distance, anchors 1.1 to 1.7 the sum."""
    g = np.random.default_rng(5)
    over, sums_over = [], []
    for i in range(24):
        shape = (int(g.integers(12, 17)), (2, 10)[i % 2])
        X = g.integers(0, 6, shape) + 0.5 if integers else g.normal(size=shape)
        k = int(g.integers(3, 6))
        best_sum, best, _, _ = best_figures(X, k, metric)
        over.append(getattr(_core, SMALLEST)(X, np.arange(k), metric=metric) / best)
        sums_over.append(getattr(_core, SUM)(X, np.arange(k), metric=metric) / best_sum)
    assert min(*over, *sums_over) >= 1 - 1e-12
    square = 1.0 if metric == "euclidean" else 2.0
    assert np.median(sums_over) < 1.15**square
    assert np.median(over) < 1.06**square
    assert max(over) < 1.4**square


@pytest.mark.parametrize("metric", METRICS)
def test_nearly_best_where_the_best_is_not_known(metric):
    X = np.random.default_rng(0).standard_normal((2000, 16)).astype(np.float32)
    spread = thinset.select(X, 100, "max_min", metric=metric).certificates
    at_least = 0.75 if metric == "euclidean" else 0.75**2
    assert at_least < spread["share_of_best_possible_smallest_distance"] <= 1.0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", thinset.methods())
def test_equal_rows_are_no_distance_apart(metric, dtype, method):
    if method == "kmeans" and metric == "cosine":
        return
    few = np.random.default_rng(1).normal(size=(4, 7)).astype(dtype)
    alike = np.full((9, 7), few[0])
    for X, n_different in ((alike, 1), (few[np.arange(12) % 4], 4)):
        for k in (2, 3, 6):
            options = {"drop_constant": True} if method == "topk" and n_different > 1 else {}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", thinset.ConstantColumnsWarning)
                found = thinset.select(X, k, method, metric=metric, **options)
            if method in {"max_sum", "max_min"}:
                assert (found.gains >= 0.0).all()
            figures = dict(found.objective)
            assert min(figures.values()) >= 0.0
            figures = {name: found.certificates[name] for name in found.certificates.names}
            assert all(value >= 0.0 for value in figures.values())
            # Enough rows may have a cost of 0, which others are infinitely many times worse than.
            assert k > n_different or np.isfinite(list(figures.values())).all()
            assert figures["share_of_best_possible_sum"] <= 1.0 + 1e-9
            assert figures["share_of_best_possible_smallest_distance"] <= 1.0 + 1e-9
            if k > n_different:
                assert found.objective["smallest_pairwise_distance"] == 0.0
                assert figures[SMALLEST] == 0.0
                assert figures["share_of_best_possible_smallest_distance"] == 1.0
            if n_different == 1:
                assert figures[SUM] == 0.0
                assert figures["covering_radius_over_best_possible"] == 1.0
                assert figures["sum_of_nearest_distances_over_best_possible"] == 1.0


def test_rows_that_are_all_alike_leave_nothing_to_gain():
    X = np.ones((8, 3))
    figures = dict(thinset.select(X, 3, "random").certificates)
    assert figures[SUM] == 0.0
    assert figures["share_of_best_possible_sum"] == 1.0
    assert figures["covering_radius_over_best_possible"] == 1.0


def test_values_out_of_range_prove_nothing():
    X = np.array([[1e200, 0.0], [-1e200, 3.0], [0.0, 1.0], [5.0, 5.0]])
    certificates = thinset.select(X, 2, "random").certificates
    assert certificates[SUM] == np.inf
    assert certificates["share_of_best_possible_sum"] == 0.0
    assert certificates[RADIUS] == 0.0
    # Squares that vanish: the distances themselves are right, as real numbers.
    tiny = np.array([[0.0], [1e-200], [3e-200]])
    assert thinset.select(tiny, 2, "random").certificates[SUM] >= 3e-200


def test_the_same_for_every_number_of_threads_and_kind_of_element():
    X = np.random.default_rng(2).standard_normal((600, 9)).astype(np.float16)
    first = dict(thinset.select(X, 50, "max_min", n_threads=1).certificates)
    for other in (X, X.astype(np.float32), X.astype(np.float64)):
        assert dict(thinset.select(other, 50, "max_min", n_threads=3).certificates) == first


def test_constraints():
    X = np.random.default_rng(3).standard_normal((10, 2))
    for name in (SUM, SMALLEST):
        with pytest.raises(ValueError, match="at least 2 indices, got 1"):
            getattr(_core, name)(X, np.array([1]))
    with pytest.raises(ValueError, match="at most as many indices as there are rows, 10; got 11"):
        _core.lower_bound_of_covering_radius(X, np.zeros(11, np.int64))
    with pytest.raises(ValueError, match="position 1 holds 10"):
        _core.lower_bound_of_covering_radius(X, np.array([1, 10]))


def test_they_are_saved_once_known(tmp_path):
    X = np.random.default_rng(4).standard_normal((40, 3))
    selection = thinset.select(X, 5, "max_sum")
    share = selection.certificates["share_of_best_possible_sum"]
    selection.save(tmp_path / "s.npz")
    loaded = thinset.Selection.load(tmp_path / "s.npz")
    assert loaded.certificates["share_of_best_possible_sum"] == share
    with pytest.raises(ValueError, match="was not computed before"):
        loaded.certificates["covering_radius_over_best_possible"]
    with pytest.raises(KeyError):
        loaded.certificates["beauty"]
