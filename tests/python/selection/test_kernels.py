"""The similarities of facility location."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from oracles.selection import median_distance


@pytest.fixture
def X():
    return np.random.default_rng(3).standard_normal((700, 9)).astype(np.float32)


def _similarities(X, kernel, bandwidth):
    X = X.astype(np.float64)
    if kernel == "cosine":
        U = X / np.linalg.norm(X, axis=1, keepdims=True)
        return U @ U.T
    squares = ((X[:, None] - X[None]) ** 2).sum(axis=2)
    return np.exp(-squares / (2 * bandwidth**2))


@pytest.mark.parametrize("kernel", ["gaussian", "cosine"])
def test_gains_add_up_to_the_coverage(X, kernel):
    selection = thinset.select(X, 40, "facility_location", kernel=kernel)
    K = _similarities(X, kernel, selection.params["bandwidth"])
    for t in (1, 7, 40):
        coverage = K[:, selection.indices[:t]].max(axis=1).sum()
        assert selection.gains[:t].sum() == pytest.approx(coverage, rel=1e-12)


@pytest.mark.parametrize("kernel", ["gaussian", "cosine"])
def test_each_pick_raises_the_coverage_most(X, kernel):
    selection = thinset.select(X, 25, "facility_location", kernel=kernel)
    K = _similarities(X, kernel, selection.params["bandwidth"])
    best = np.full(len(X), 0.0 if kernel == "gaussian" else -1.0)
    for row in selection.indices:
        gains = np.maximum(K - best[:, None], 0).sum(axis=0)
        assert gains[row] >= gains.max() * (1 - 1e-12)
        best = np.maximum(best, K[:, row])


def test_the_default_bandwidth_is_the_median_distance_and_recorded(X, tmp_path):
    selection = thinset.select(X, 5, "facility_location", kernel="gaussian")
    assert selection.params["bandwidth"] == median_distance(X, "euclidean")
    directions = thinset.select(X, 5, "facility_location", kernel="gaussian", metric="cosine")
    assert directions.params["bandwidth"] == median_distance(X, "cosine")
    given = thinset.select(X, 5, "facility_location", kernel="gaussian", bandwidth=2)
    assert given.params["bandwidth"] == 2.0
    given.save(tmp_path / "s.npz")
    assert thinset.Selection.load(tmp_path / "s.npz").params == given.params


def test_the_cosine_kernel_chooses_as_the_cosine_distance(X):
    by_kernel = thinset.select(X, 30, "facility_location", kernel="cosine")
    by_metric = thinset.select(X, 30, "facility_location", metric="cosine")
    assert by_kernel.indices.tolist() == by_metric.indices.tolist()
    assert by_kernel.gains[0] == pytest.approx(len(X) + by_metric.gains[0])
    assert by_kernel.gains[1:].tolist() == by_metric.gains[1:].tolist()


def test_equal_rows_have_a_bandwidth_too():
    selection = thinset.select(np.ones((9, 2)), 3, "facility_location", kernel="gaussian")
    assert selection.params["bandwidth"] == 1.0
    assert selection.gains.tolist() == [9.0, 0.0, 0.0]


@pytest.mark.parametrize("share", [0.001, 0.1, 10.0, 1e6])
def test_any_bandwidth_gives_the_same_rows_for_every_number_of_threads(X, share):
    bandwidth = share * median_distance(X, "euclidean")
    chosen = [
        thinset.select(
            X, 20, "facility_location", kernel="gaussian", bandwidth=bandwidth, n_threads=n_threads
        )
        for n_threads in (1, 2, 3, 7)
    ]
    for other in chosen[1:]:
        assert other.indices.tolist() == chosen[0].indices.tolist()
        assert other.gains.tolist() == chosen[0].gains.tolist()
