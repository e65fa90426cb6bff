"""What the oracles themselves stand on, and figures that follow from their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thinset
from oracles import arithmetic
from oracles import selection as oracle

pytestmark = pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")


@st.composite
def problems(draw, *, min_rows=1, max_rows=60):
    """Small matrices with duplicates and exact ties (small integers) or without (normal draws)."""
    n = draw(st.integers(min_rows, max_rows))
    d = draw(st.sampled_from([1, 2, 3, 7, 15, 16, 17, 33]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    if draw(st.booleans()):
        X = generator.integers(-2, 3, (n, d)).astype(float)
    else:
        X = generator.standard_normal((n, d))
    X = X.astype(draw(st.sampled_from(["float16", "float32", "float64"])))
    return X, draw(st.integers(1, n))


@pytest.mark.parametrize("d", [1, 15, 16, 17, 100, 1000])
def test_sums_in_the_canonical_order_are_sums(d):
    X = np.random.default_rng(d).standard_normal((1500, d))
    terms = [[(a - b) * (a - b) for a, b in zip(row, X[0], strict=True)] for row in X[:20]]
    np.testing.assert_allclose(
        arithmetic.squared_distances(X[:20], X[0]), [math.fsum(row) for row in terms], rtol=1e-14
    )
    products = [math.fsum(a * b for a, b in zip(row, X[0], strict=True)) for row in X[:20]]
    np.testing.assert_allclose(arithmetic.dots(X[:20], X[0]), products, atol=1e-12)
    means = [math.fsum(column) / len(X) for column in X.T]
    np.testing.assert_allclose(arithmetic.mean(X), means, atol=1e-15)


def test_the_canonical_order_is_the_one_that_is_written_down():
    # 2^53 + 1 rounds to 2^53: ones are lost to it one by one and count where they meet before.
    terms = np.zeros(17)
    terms[[0, 8, 16]] = 1.0, 1.0, 2.0**53
    assert arithmetic.dots(np.ones((1, 17)), terms)[0] == 2.0**53
    terms[[0, 8, 4, 16]] = 1.0, 0.0, 2.0**53, 1.0
    assert arithmetic.dots(np.ones((1, 17)), terms)[0] == 2.0**53 + 2


def test_means_are_exact():
    column = np.array([[2.0**53], [1.0], [1.0], [-(2.0**53)]])
    assert arithmetic.mean(column)[0] == 0.5
    assert arithmetic.mean(np.array([[5e-324], [1.0], [-1.0]]))[0] == 0.0


@given(problems(), st.integers(1, 5), st.sampled_from(["balanced", "proportional"]), st.data())
def test_classes_give_what_their_budgets_say(problem, n_classes, kind, data):
    X, k = problem
    seed = data.draw(st.integers(0, 1000))
    labels = np.random.default_rng(seed).integers(-1, n_classes - 1, len(X))
    selection = thinset.select(X, k, labels=labels, per_class=kind)
    chosen = dict(zip(*np.unique(labels[selection.indices], return_counts=True), strict=True))
    budgets = oracle.class_budgets(labels, k, kind)
    assert {label: chosen.get(label, 0) for label in budgets} == budgets


@settings(max_examples=20)
@given(problems(min_rows=2), st.sampled_from(["euclidean", "sqeuclidean"]))
def test_objective(problem, metric):
    X, k = problem
    k = max(k, 2)
    selection = thinset.select(X, k, "max_sum", metric=metric)
    chosen = X[selection.indices]
    pairs = np.array([oracle.distances(chosen, row, metric) for row in chosen])
    cover = np.min([oracle.distances(X, row, metric) for row in chosen], axis=0)
    figures = selection.objective
    np.testing.assert_allclose(figures["sum_of_pairwise_distances"], pairs.sum() / 2, rtol=1e-12)
    np.testing.assert_allclose(figures["sum_of_pairwise_distances"], selection.gains.sum())
    assert figures["smallest_pairwise_distance"] == pairs[~np.eye(k, dtype=bool)].min()
    assert figures["covering_radius"] == cover.max()
    assert figures["sum_of_nearest_distances"] == oracle.in_blocks(cover)


def test_farthest_point_gains_are_covering_radii():
    X = np.random.default_rng(0).standard_normal((300, 5))
    selection = thinset.select(X, 20, "max_min")
    for t in (1, 7, 19):
        prefix = thinset.select(X, t, "max_min")
        assert prefix.indices.tolist() == selection.indices[:t].tolist()
        assert prefix.objective["covering_radius"] == selection.gains[t]


def test_facility_location_gains_add_up_to_minus_the_cost():
    X = np.random.default_rng(0).standard_normal((1500, 5))
    selection = thinset.select(X, 20, "facility_location")
    assert np.all(np.diff(selection.gains[1:]) <= 0)
    for t in (1, 7, 20):
        prefix = thinset.select(X, t, "facility_location")
        assert prefix.indices.tolist() == selection.indices[:t].tolist()
        cost = prefix.objective["sum_of_nearest_distances"]
        np.testing.assert_allclose(-selection.gains[:t].sum(), cost, rtol=1e-12)
