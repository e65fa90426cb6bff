"""KID and the Inception Score against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from thinset.metrics import inception_score, kernel_distance
from thinset.metrics.kernel import polynomial_discrepancy


def by_loops(a, b):
    def kernel(x, y):
        return (float(x @ y) / len(x) + 1.0) ** 3

    m, n = len(a), len(b)
    within_a = sum(kernel(a[i], a[j]) for i in range(m) for j in range(m) if i != j)
    within_b = sum(kernel(b[i], b[j]) for i in range(n) for j in range(n) if i != j)
    between = sum(kernel(x, y) for x in a for y in b)
    return within_a / (m * (m - 1)) + within_b / (n * (n - 1)) - 2 * between / (m * n)


def test_equals_a_plain_loop():
    generator = np.random.default_rng(0)
    a, b = generator.standard_normal((12, 5)), generator.standard_normal((9, 5)) + 1
    assert polynomial_discrepancy(a, b) == pytest.approx(by_loops(a, b), rel=1e-12)
    found = kernel_distance(a, b, 3, n_subsets=4, subset_size=6)
    draws = np.random.default_rng(3)
    values = [
        by_loops(a[draws.choice(12, 6, replace=False)], b[draws.choice(9, 6, replace=False)])
        for _ in range(4)
    ]
    assert found.value == pytest.approx(np.mean(values), rel=1e-12)
    assert found.spread == pytest.approx(np.std(values), rel=1e-9)
    assert (found.n_subsets, found.subset_size, found.n_a, found.n_b) == (4, 6, 12, 9)
    assert float(found) == found.value


def test_equals_torchmetrics():
    torch = pytest.importorskip("torch")
    kid = pytest.importorskip("torchmetrics.image.kid")
    generator = np.random.default_rng(1)
    a, b = generator.standard_normal((2, 30, 8))
    expected = kid.poly_mmd(torch.from_numpy(a), torch.from_numpy(b)).item()
    assert polynomial_discrepancy(a, b) == pytest.approx(expected, rel=1e-9)


def test_seeds_repeat_and_float32_is_computed_in_float64():
    generator = np.random.default_rng(2)
    a, b = generator.standard_normal((2, 300, 4)).astype(np.float32)
    first = kernel_distance(a, b, 0, n_subsets=5, subset_size=100)
    assert first == kernel_distance(a, b, 0, n_subsets=5, subset_size=100)
    assert first.value != kernel_distance(a, b, 1, n_subsets=5, subset_size=100).value
    wide = kernel_distance(a.astype(np.float64), b, 0, n_subsets=5, subset_size=100)
    assert wide.value == first.value


def test_unbiased_where_both_sets_have_one_distribution():
    generator = np.random.default_rng(3)
    values = [
        kernel_distance(*generator.standard_normal((2, 200, 3)), 0, n_subsets=1, subset_size=200)
        for _ in range(60)
    ]
    errors = np.array([v.value for v in values])
    assert abs(errors.mean()) < 4 * errors.std() / np.sqrt(60)
    assert errors.min() < 0 < errors.max()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "subset_size must be at most the number of samples, 20; got 1000"),
        ({"subset_size": 1}, "subset_size must be an int of at least 2"),
        ({"subset_size": 5, "n_subsets": 0}, "n_subsets must be an int of at least 1"),
        ({"subset_size": 5.0}, "subset_size must be an int"),
    ],
)
def test_bad_subsets_are_refused(options, message):
    X = np.ones((20, 3))
    with pytest.raises(ValueError, match=message):
        kernel_distance(X, X, 0, **options)


def test_bad_features_are_refused():
    X = np.ones((20, 3))
    with pytest.raises(ValueError, match="features_b must be finite: row 3, column 1"):
        kernel_distance(X, np.where(np.arange(60).reshape(20, 3) == 10, np.nan, X), 0)
    with pytest.raises(ValueError, match="different extractors"):
        kernel_distance(X, np.ones((20, 4)), 0)


def test_inception_score_of_known_probabilities():
    sure = np.repeat(1e3 * np.eye(4), 5, axis=0)
    assert inception_score(sure, 0, n_splits=1).value == pytest.approx(4.0)
    assert inception_score(np.zeros((20, 4)), 0, n_splits=2).value == pytest.approx(1.0)
    assert inception_score(np.tile(sure[:1], (20, 1)), 0).value == pytest.approx(1.0)


def test_inception_score_equals_a_plain_computation():
    logits = 3 * np.random.default_rng(4).standard_normal((50, 7))
    rows = np.array_split(np.random.default_rng(0).permutation(50), 5)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    scores = [np.exp((p[r] * np.log(p[r] / p[r].mean(axis=0))).sum(axis=1).mean()) for r in rows]
    found = inception_score(logits, 0, n_splits=5)
    assert found.value == pytest.approx(np.mean(scores), rel=1e-12)
    assert found.spread == pytest.approx(np.std(scores), rel=1e-9)
    assert (found.n_splits, found.n_samples) == (5, 50)


def test_more_splits_than_samples_are_refused():
    with pytest.raises(ValueError, match="n_splits must be at most 3, the samples; got 10"):
        inception_score(np.ones((3, 2)), 0)
