"""Every method picks, row for row, what its naive definition picks."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thinset
from oracles import selection as oracle

pytestmark = pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")

DTYPES = ["float16", "float32", "float64"]


@st.composite
def problems(draw, *, min_rows=1, max_rows=60, zero_rows=True):
    """Small matrices with duplicates and exact ties (small integers) or without (normal draws)."""
    n = draw(st.integers(min_rows, max_rows))
    d = draw(st.sampled_from([1, 2, 3, 7, 15, 16, 17, 33]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    if draw(st.booleans()):
        # Powers of two rows make the mean exact, so that ties at the start stay ties.
        X = generator.integers(-2, 3, (n, d)).astype(float)
    else:
        X = generator.standard_normal((n, d))
    if not zero_rows:
        X[:, 0] += 5.0
    X = X.astype(draw(st.sampled_from(DTYPES)))
    k = draw(st.integers(1, n))
    return X, k


def assert_agree(selection, expected):
    indices, gains = expected
    assert selection.indices.tolist() == list(indices)
    np.testing.assert_allclose(selection.gains, gains, rtol=1e-12, atol=1e-12)


@given(
    problems(), st.sampled_from(["max", "min", "abs"]), st.booleans(), st.sampled_from([1, 2, 3])
)
def test_topk(problem, mode, refill, n_threads):
    X, k = problem
    selection = thinset.select(X, k, "topk", mode=mode, refill=refill, n_threads=n_threads)
    assert_agree(selection, oracle.topk(X, k, mode=mode, refill=refill))


@given(problems(min_rows=2))
def test_topk_without_constant_columns(problem):
    X, k = problem
    X = X.copy()
    X[:, 0] = 1.0
    if (X.min(0) == X.max(0)).all():
        with pytest.raises(ValueError, match="all .* columns are constant"):
            thinset.select(X, k, drop_constant=True)
    else:
        assert_agree(
            thinset.select(X, k, drop_constant=True), oracle.topk(X, k, drop_constant=True)
        )


def starts_at_a_tie(X, metric):
    """Whether rounding in the mean could decide the first pick."""
    X = np.asarray(X, np.float64)
    from_mean = oracle.distances(X, X.mean(0), metric)
    return (from_mean > from_mean.max() - 1e-9).sum() > 1


@given(
    problems(zero_rows=False),
    st.sampled_from(["max_sum", "max_min"]),
    st.sampled_from(["euclidean", "sqeuclidean", "cosine"]),
    st.sampled_from([1, 2, 3]),
)
def test_dispersion(problem, method, metric, n_threads):
    X, k = problem
    # Parallel rows tie under the cosine, and there the last bit of a norm would decide.
    if metric == "cosine":
        X = np.random.default_rng(X.size).standard_normal((len(X), X.shape[1] + 1)).astype(X.dtype)
    initial = [0] if starts_at_a_tie(X, metric) else []
    selection = thinset.select(
        X, k, method, metric=metric, n_threads=n_threads, initial_subset=initial or None
    )
    assert_agree(selection, getattr(oracle, method)(X, k, metric=metric, initial=initial))


@given(problems(), st.integers(0, 2**64 - 1))
def test_random(problem, seed):
    X, k = problem
    assert_agree(
        thinset.select(X, k, "random", random_state=seed), oracle.random(len(X), k, seed=seed)
    )


@given(problems(max_rows=40), st.integers(0, 3), st.integers(0, 100), st.sampled_from([1, 3]))
def test_kmeans(problem, n_iterations, seed, n_threads):
    X, k = problem
    # Distinct normal rows: with ties in the assignment the last bit of a mean would decide.
    X = np.random.default_rng(seed).standard_normal(X.shape).astype(X.dtype)
    selection = thinset.select(
        X, k, "kmeans", random_state=seed, n_iterations=n_iterations, n_threads=n_threads
    )
    assert_agree(selection, oracle.kmeans(X, k, n_iterations=n_iterations, seed=seed))


@given(problems(), st.integers(1, 5), st.sampled_from(["balanced", "proportional"]), st.data())
def test_per_class(problem, n_classes, kind, data):
    X, k = problem
    seed = data.draw(st.integers(0, 1000))
    labels = np.random.default_rng(seed).integers(-1, n_classes - 1, len(X))
    selection = thinset.select(X, k, labels=labels, per_class=kind)
    choose = functools.partial(lambda rows, budget: oracle.topk(X[rows], budget))
    assert_agree(selection, oracle.per_class(labels, k, kind, choose))
    chosen = dict(zip(*np.unique(labels[selection.indices], return_counts=True), strict=True))
    budgets = oracle.class_budgets(labels, k, kind)
    assert {label: chosen.get(label, 0) for label in budgets} == budgets


@given(problems(), st.integers(1, 4), st.integers(0, 1000))
def test_stratified_random(problem, n_classes, seed):
    X, k = problem
    labels = np.random.default_rng(seed).integers(0, n_classes, len(X))
    selection = thinset.select(X, k, "random", labels=labels, stratified=True, random_state=seed)
    generator = oracle.Random(seed)

    def choose(rows, budget):
        return oracle.random(len(rows), budget, generator=generator)

    assert_agree(selection, oracle.per_class(labels, k, "proportional", choose))


@given(
    problems(min_rows=3),
    st.sampled_from(["topk", "max_sum", "max_min", "random"]),
    st.data(),
)
def test_initial_subset_comes_first(problem, method, data):
    X, k = problem
    initial = data.draw(st.permutations(range(len(X)))).copy()[: data.draw(st.integers(1, k))]
    selection = thinset.select(X, k, method, initial_subset=initial)
    if method == "random":
        expected = oracle.random(len(X), k, seed=0, initial=initial)
    else:
        expected = getattr(oracle, method)(X, k, initial=initial)
    assert_agree(selection, expected)


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
    off_diagonal = pairs[~np.eye(k, dtype=bool)]
    np.testing.assert_allclose(figures["smallest_pairwise_distance"], off_diagonal.min())
    np.testing.assert_allclose(figures["covering_radius"], cover.max())


def test_farthest_point_gains_are_covering_radii():
    X = np.random.default_rng(0).standard_normal((300, 5))
    selection = thinset.select(X, 20, "max_min")
    for t in (1, 7, 19):
        prefix = thinset.select(X, t, "max_min")
        assert prefix.indices.tolist() == selection.indices[:t].tolist()
        np.testing.assert_allclose(prefix.objective["covering_radius"], selection.gains[t])
