from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import thinset
from thinset.embeddings import activation_scores, describe

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def matrix() -> np.ndarray:
    values = np.random.default_rng(0).exponential(size=(300, 6)).astype(np.float32)
    values[:, 3] = 7
    return values


def plain(matrix: np.ndarray, penalty: float, threshold: float) -> np.ndarray:
    varying = np.delete(matrix, 3, axis=1).astype(np.float64)
    scaled = (varying - varying.mean(axis=0)) / varying.std(axis=0)
    return scaled - penalty * (scaled > threshold).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("penalty", "threshold"), [(0.5, 2.0), (0.0, 2.0), (3.0, 0.5)])
def test_equals_the_definition(
    matrix: np.ndarray, tmp_path: Path, penalty: float, threshold: float
) -> None:
    scores = activation_scores(matrix, tmp_path, penalty=penalty, threshold=threshold)
    assert scores.shape == (300, 5)
    np.testing.assert_allclose(scores, plain(matrix, penalty, threshold), atol=1e-5)


def test_pieces_give_the_scores_of_the_whole(
    matrix: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = activation_scores(matrix, tmp_path / "whole", n_pairs=4)
    monkeypatch.setattr(describe, "_VALUES_PER_CHUNK", 50)
    pieces = activation_scores(matrix, tmp_path / "pieces", n_pairs=4)
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


def test_pairs_are_sums_of_two_elements_each_once(matrix: np.ndarray, tmp_path: Path) -> None:
    scores = activation_scores(matrix, tmp_path / "all", penalty=0.5, n_pairs=10)
    single = plain(matrix, 0.5, 2.0)
    sums = {
        (one, other): single[:, one] + single[:, other] for one in range(5) for other in range(one)
    }
    found = [
        pair for column in scores.T for pair, wanted in sums.items()
        if np.allclose(column, wanted, atol=1e-5)
    ]  # fmt: skip
    assert sorted(found) == sorted(sums)
    some = activation_scores(matrix, tmp_path / "some", n_pairs=3, seed=1)
    others = activation_scores(matrix, tmp_path / "others", n_pairs=3, seed=2)
    assert not np.array_equal(some, others)


def test_a_row_that_activates_everything_is_chosen_less(matrix: np.ndarray, tmp_path: Path) -> None:
    matrix[17] = 30
    matrix[17, 3] = 7
    scores = activation_scores(matrix, tmp_path, penalty=10)
    assert 17 in thinset.select(np.delete(matrix, 3, axis=1), 20).indices
    assert 17 not in thinset.select(scores, 20).indices


def test_result_is_reused_for_the_same_embeddings_only(matrix: np.ndarray, tmp_path: Path) -> None:
    first = np.array(activation_scores(matrix, tmp_path))
    written = (tmp_path / "embeddings.npy").stat().st_mtime_ns
    activation_scores(matrix.copy(), tmp_path)
    assert (tmp_path / "embeddings.npy").stat().st_mtime_ns == written
    assert not np.array_equal(activation_scores(matrix, tmp_path, penalty=1.0), first)


def test_bad_requests_are_refused(matrix: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"n_pairs must be from 0 to 10.*got 11"):
        activation_scores(matrix, tmp_path, n_pairs=11)
    with pytest.raises(ValueError, match="all are constant"):
        activation_scores(np.ones((4, 3)), tmp_path)
    matrix[5, 1] = np.inf
    with pytest.raises(ValueError, match="must be finite"):
        activation_scores(matrix, tmp_path)
