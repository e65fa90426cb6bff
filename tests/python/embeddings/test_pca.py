from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.embeddings import describe, pca

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Arrays:
    images: np.ndarray
    labels: np.ndarray | None = None


@pytest.fixture
def matrix() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(200, 6)) * [5, 3, 2, 1, 0.5, 0.1] + 100).astype(np.float32)


def test_equals_the_singular_value_decomposition(matrix: np.ndarray, tmp_path: Path) -> None:
    embeddings = pca(matrix, 4, tmp_path)
    centred = matrix.astype(np.float64) - matrix.mean(axis=0, dtype=np.float64)
    left, singular, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(right[np.arange(6), np.abs(right).argmax(axis=1)])
    expected = (left * singular * signs)[:, :4]
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)
    facts = json.loads((tmp_path / "embeddings.json").read_text())
    assert facts["explained_variance"] == pytest.approx(singular[:4] ** 2 / 199)
    shares = singular**2 / (singular**2).sum()
    assert facts["explained_share"] == pytest.approx(shares[:4].sum())


@pytest.mark.parametrize(("n_samples", "n_values"), [(400, 150), (60, 5000)], ids=["long", "wide"])
def test_a_few_components_of_many_are_found(tmp_path: Path, n_samples: int, n_values: int) -> None:
    rng = np.random.default_rng(1)
    scales = 1 / np.arange(1, n_values + 1)
    samples = (rng.normal(size=(n_samples, n_values)) * scales + 3).astype(np.float32)
    embeddings = pca(samples, 10, tmp_path)
    centred = samples - samples.mean(axis=0, dtype=np.float64)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    facts = json.loads((tmp_path / "embeddings.json").read_text())
    variances = singular**2 / (n_samples - 1)
    np.testing.assert_allclose(facts["explained_variance"], variances[:10], rtol=1e-4)
    assert facts["explained_share"] == pytest.approx(variances[:10].sum() / variances.sum())
    cosines = np.linalg.svd(left[:, :10].T @ (embeddings / singular[:10]))[1]
    assert cosines.min() > 1 - 1e-4


def test_components_beyond_the_rank_have_no_variance(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    samples = (rng.normal(size=(40, 2)) @ rng.normal(size=(2, 30))).astype(np.float32)
    embeddings = pca(samples, 5, tmp_path)
    assert (embeddings[:, :2].std(axis=0) > 1).all()
    assert np.abs(embeddings[:, 2:]).max() < 1e-4


def test_pieces_give_the_components_of_the_whole(
    matrix: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pca(matrix, 3, tmp_path / "whole")
    monkeypatch.setattr(describe, "_VALUES_PER_CHUNK", 50)
    np.testing.assert_allclose(pca(matrix, 3, tmp_path / "pieces"), whole, atol=1e-5)


def test_images_are_rows_of_pixels(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 3, 2), dtype=np.uint8)
    from_images = pca(Arrays(images), 5, tmp_path / "images")
    from_rows = pca(images.reshape(50, 24).astype(np.float32), 5, tmp_path / "rows")
    np.testing.assert_allclose(from_images, from_rows, atol=1e-4)


def test_result_is_reused_for_the_same_samples_only(matrix: np.ndarray, tmp_path: Path) -> None:
    pca(matrix, 3, tmp_path)
    written = (tmp_path / "embeddings.npy").stat().st_mtime_ns
    pca(matrix.copy(), 3, tmp_path)
    assert (tmp_path / "embeddings.npy").stat().st_mtime_ns == written
    assert pca(matrix, 2, tmp_path).shape == (200, 2)
    changed = matrix.copy()
    changed[-1, -1] += 1
    assert not np.array_equal(pca(changed, 2, tmp_path / "other"), pca(matrix, 2, tmp_path))


def test_constant_samples_have_no_variance(tmp_path: Path) -> None:
    assert not pca(np.full((5, 3), 7.0), 2, tmp_path).any()


@pytest.mark.parametrize("n_components", [0, 7])
def test_number_of_components_is_checked(
    matrix: np.ndarray, tmp_path: Path, n_components: int
) -> None:
    with pytest.raises(ValueError, match=f"from 1 to 6 .* got {n_components}"):
        pca(matrix, n_components, tmp_path)


def test_values_must_be_finite(matrix: np.ndarray, tmp_path: Path) -> None:
    matrix[3, 2] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        pca(matrix, 2, tmp_path)
    assert not (tmp_path / "embeddings.npy").exists()


def test_what_is_called_before_each_piece_may_end_the_work(matrix: np.ndarray, tmp_path: Path):
    n_pieces = 0

    def count() -> None:
        nonlocal n_pieces
        n_pieces += 1

    expected = pca(matrix, 3, tmp_path / "whole", before_piece=count)
    np.testing.assert_array_equal(expected, pca(matrix, 3, tmp_path / "again"))
    assert n_pieces >= 3  # the mean, the components, the projection

    def stop() -> None:
        count()
        if n_pieces == 2:
            raise TimeoutError

    for last in range(1, n_pieces + 1):
        n_pieces = 2 - last
        with pytest.raises(TimeoutError):
            pca(matrix, 3, tmp_path / "stopped", before_piece=stop)
        assert not list((tmp_path / "stopped").glob("*.npy*"))
