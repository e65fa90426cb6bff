from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from thinset.embeddings import CenterCrop, encode
from thinset.embeddings.store import verify_embeddings
from thinset.models import Autoencoder

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Arrays:
    images: np.ndarray
    labels: np.ndarray | None = None


@pytest.fixture
def data() -> Arrays:
    return Arrays(np.random.default_rng(0).integers(0, 256, (37, 12, 12, 3), dtype=np.uint8))


@pytest.fixture
def model() -> Autoencoder:
    return Autoencoder((8, 8, 3), (4, 4, 6), generator=torch.Generator().manual_seed(0))


def test_rows_are_the_flattened_embeddings_of_central_crops(
    data: Arrays, model: Autoencoder, tmp_path: Path
) -> None:
    embeddings = encode(model, data, tmp_path, batch_size=10, device="cpu")
    assert isinstance(embeddings, np.memmap)
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (37, 6)
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2)[:, :, 2:10, 2:10] / 255
    with torch.no_grad():
        expected = model.eval().encode(images).flatten(1).numpy()
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


def test_any_module_works(data: Arrays, tmp_path: Path) -> None:
    embeddings = encode(nn.AvgPool2d(12), data, tmp_path, device="cpu")
    means = data.images.mean(axis=(1, 2), dtype=np.float64) / 255
    np.testing.assert_allclose(embeddings, means, rtol=1e-5)


def test_the_module_keeps_its_mode(data: Arrays, tmp_path: Path) -> None:
    model = nn.BatchNorm2d(3).train()
    encode(model, data, tmp_path, device="cpu")
    assert model.training
    assert int(model.num_batches_tracked) == 0


def test_embeddings_of_the_same_data_and_weights_are_reused(
    data: Arrays, model: Autoencoder, tmp_path: Path
) -> None:
    first = encode(model, data, tmp_path, device="cpu")
    written = (tmp_path / "embeddings.npy").stat().st_mtime_ns
    again = encode(model, data, tmp_path, batch_size=5, device="cpu")
    assert (tmp_path / "embeddings.npy").stat().st_mtime_ns == written
    assert np.array_equal(first, again)


def test_other_weights_data_or_transforms_are_encoded_anew(
    data: Arrays, model: Autoencoder, tmp_path: Path
) -> None:
    results = [encode(model, data, tmp_path, device="cpu").copy()]
    results.append(encode(model, Arrays(data.images[:, ::-1]), tmp_path, device="cpu").copy())
    results.append(encode(model, data, tmp_path, transform=CenterCrop(7), device="cpu").copy())
    with torch.no_grad():
        model.encoder[0].weight.mul_(0.5)
    results.append(encode(model, data, tmp_path, device="cpu").copy())
    for i, one in enumerate(results):
        assert not any(np.array_equal(one, other) for other in results[:i])


def test_a_matrix_never_stands_beside_the_description_of_another(
    data: Arrays, model: Autoencoder, tmp_path: Path
) -> None:
    before = encode(model, data, tmp_path, device="cpu").copy()
    broken = nn.Sequential(nn.Flatten(), nn.Linear(432, 2))
    nn.init.constant_(broken[1].bias, float("nan"))
    with pytest.raises(ValueError, match="must be finite, but row 0 contains NaN or infinity"):
        encode(broken, data, tmp_path, device="cpu")
    # What was there before stays, matrix and description.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["embeddings.json", "embeddings.npy"]
    assert np.array_equal(np.load(tmp_path / "embeddings.npy"), before)
    assert np.array_equal(encode(model, data, tmp_path, device="cpu"), before)


def test_a_damaged_description_counts_as_none(
    data: Arrays, model: Autoencoder, tmp_path: Path
) -> None:
    expected = encode(model, data, tmp_path, device="cpu").copy()
    for text in ("", "[]", "{}", '{"format": 1, "version": 1, "identity": {}}'):
        (tmp_path / "embeddings.json").write_text(text)
        assert np.array_equal(encode(model, data, tmp_path, device="cpu"), expected)


def test_description_says_what_was_embedded(
    data: Arrays, model: Autoencoder, tmp_path: Path
) -> None:
    encode(model, data, tmp_path, device="cpu")
    description = json.loads((tmp_path / "embeddings.json").read_text())
    assert (description["format"], description["version"]) == ("thinset-embeddings", 1)
    assert (description["n_samples"], description["n_dimensions"]) == (37, 6)
    assert description["identity"]["encoder"] == "thinset.models.autoencoder.Autoencoder"
    assert description["identity"]["transform"] == "CenterCrop(size=8)"


def test_no_square_crop_fits_another_shape(data: Arrays, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only square crops are supported"):
        encode(Autoencoder((8, 6, 3)), data, tmp_path, device="cpu")


@pytest.mark.parametrize("shape", [(5, 24), (64, 3), (64,)])
def test_a_foreign_matrix_is_not_adopted(
    data: Arrays, model: Autoencoder, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    expected = encode(model, data, tmp_path, device="cpu").copy()
    np.save(tmp_path / "embeddings.npy", np.zeros(shape, np.float32))
    with pytest.warns(UserWarning, match=r"embeddings\.npy holds .* recomputing"):
        assert np.array_equal(encode(model, data, tmp_path, device="cpu"), expected)


def test_a_changed_value_is_found_by_verifying(
    data: Arrays, model: Autoencoder, tmp_path: Path
) -> None:
    matrix = encode(model, data, tmp_path, device="cpu").copy()
    verify_embeddings(tmp_path)
    matrix[3, 1] += 1
    np.save(tmp_path / "embeddings.npy", matrix)
    with pytest.raises(ValueError, match=r"embeddings\.npy has changed since it was written"):
        verify_embeddings(tmp_path)
