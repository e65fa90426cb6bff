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


class Returning(nn.Module):
    """Returns what `function` makes of its input."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: torch.Tensor):
        return self.function(images)


def test_maps_of_features_are_averaged_over_positions(data: Arrays, tmp_path: Path) -> None:
    found = encode(nn.Identity(), data, tmp_path, average=True, device="cpu", batch_size=10)
    np.testing.assert_allclose(found, data.images.mean(axis=(1, 2)) / 255, rtol=1e-5)
    rows = encode(nn.Flatten(), data, tmp_path, average=True, device="cpu")
    assert rows.shape == (37, 432)


def test_rows_of_unit_length(data: Arrays, tmp_path: Path) -> None:
    plain = encode(nn.Flatten(), data, tmp_path / "plain", device="cpu").astype(np.float64)
    found = encode(nn.Flatten(), data, tmp_path / "unit", unit_length=True, device="cpu")
    expected = plain / np.linalg.norm(plain, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    # Squares of these overflow in float32.
    large = Returning(lambda images: images.flatten(1) * 1e30)
    found = encode(large, data, tmp_path / "large", unit_length=True, device="cpu")
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_row_of_zeros_has_no_unit_length(data: Arrays, tmp_path: Path) -> None:
    data.images[23] = 0
    with pytest.raises(ValueError, match="row 23 of the embeddings holds only zeros"):
        encode(nn.Flatten(), data, tmp_path, unit_length=True, device="cpu", batch_size=10)


def test_the_output_of_a_layer(data: Arrays, tmp_path: Path) -> None:
    network = nn.Sequential(nn.AvgPool2d(2), nn.AvgPool2d(6), nn.Flatten(), nn.Linear(3, 2))
    found = encode(network, data, tmp_path, layer="1", device="cpu")
    np.testing.assert_allclose(found, data.images.mean(axis=(1, 2)) / 255, rtol=1e-5)
    with pytest.raises(ValueError, match="layer must be one of 0, 1, 2, 3; got 'pool'"):
        encode(network, data, tmp_path, layer="pool", device="cpu")


def test_a_layer_that_is_not_called(data: Arrays, tmp_path: Path) -> None:
    network = Returning(lambda images: images)
    network.head = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="layer head is not called in a forward pass"):
        encode(network, data, tmp_path, layer="head", device="cpu")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x[:, 0, 0, 0], r"must return .* \(n, D\) or \(n, D, height, width\) for n = 10"),
        (lambda x: x.flatten(2), r"got torch.float32 of shape \(10, 3, 144\); of tokens"),
        (lambda x: x.mean(0), r"for n = 10 images, got torch.float32 of shape \(3, 12, 12\)"),
        (lambda x: x[:, :0], r"got torch.float32 of shape \(10, 0, 12, 12\)"),
        (lambda x: x.flatten(1).argmax(1, keepdim=True), r"got torch.int64 of shape \(10, 1\)"),
        (lambda x: x.flatten(1).to(torch.complex64), "got torch.complex64"),
        (lambda x: x.numpy(), "got ndarray; take the tensor in the module"),
        (lambda x: (x, x), "got tuple; take the tensor in the module"),
        (lambda x: {"pooled": x}, "got dict; take the tensor in the module"),
        (lambda x: nn.Linear(3, 2)(x), r"batch of images of shape \(10, 3, 12, 12\).*RuntimeError"),
        (lambda x: x.no_such_method(), "the encoder fails on a batch .*AttributeError"),
        (lambda x: x.flatten(1).log(), "must be finite, but row 0 contains NaN or infinity"),
        (
            lambda x: x.flatten(1).squeeze()[:, :2],
            r"fails on a batch of images of shape \(1, 3, 12",
        ),
        (lambda x: x.flatten(1) - x.flatten(1).mean(0), "the same features for an image in every"),
        (lambda x: torch.rand(len(x), 3), "the same features .* remove dropout"),
        (
            lambda x: torch.nn.functional.dropout(x.flatten(1)),
            "the same features .* remove dropout that is active in evaluation mode",
        ),
        (
            nn.BatchNorm2d(3, track_running_stats=False).eval(),
            "the same features .* normalisation over the batch",
        ),
        (lambda x: x.expand(-1, 3, -1, -1).flatten(1)[:, : len(x)], "features for one image"),
    ],
)
def test_modules_that_are_no_encoders_are_refused(
    data: Arrays, tmp_path: Path, function, message: str
) -> None:
    data.images[:, 0] = 0  # whose logarithm is not finite
    with pytest.raises(ValueError, match=message):
        encode(
            Returning(function), data, tmp_path / "out", average=True, batch_size=10, device="cpu"
        )
    assert not (tmp_path / "out" / "embeddings.npy").exists()


def test_an_exhausted_memory_is_not_called_a_mistake_of_the_encoder(
    data: Arrays, tmp_path: Path
) -> None:
    def exhaust(_images):
        raise RuntimeError("CUDA out of memory. Tried to allocate 3 GiB")

    with pytest.raises(RuntimeError, match="out of memory"):
        encode(Returning(exhaust), data, tmp_path, device="cpu")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_features_of_any_precision_become_float32(data: Arrays, tmp_path: Path, dtype) -> None:
    found = encode(
        Returning(lambda images: images.to(dtype)), data, tmp_path, average=True, device="cpu"
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, data.images.mean(axis=(1, 2)) / 255, rtol=0.01)


def test_batch_norm_is_in_evaluation_mode_even_if_it_was_not(data: Arrays, tmp_path: Path) -> None:
    model = nn.BatchNorm2d(3).train()
    model.running_mean.fill_(0.5)
    found = encode(model, data, tmp_path, average=True, device="cpu")
    expected = (data.images.mean(axis=(1, 2)) / 255 - 0.5) / np.sqrt(1 + model.eps)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert float(model.running_mean[0]) == 0.5


def test_other_options_or_settings_of_the_module_are_encoded_anew(
    data: Arrays, tmp_path: Path
) -> None:
    class Scaled(nn.Module):
        factor = 1

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images * self.factor

    def of(factor: int, **options) -> np.ndarray:
        model = Scaled()
        model.factor = factor
        return encode(model, data, tmp_path, device="cpu", **options).copy()

    results = [of(2), of(3), of(3, average=True), of(3, unit_length=True)]
    shapes = [result.shape for result in results]
    assert shapes == [(37, 432), (37, 432), (37, 3), (37, 432)]
    np.testing.assert_allclose(results[1], results[0] * 1.5, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(results[3], axis=1), 1, rtol=1e-6)


def test_a_dataset_without_images_and_an_unknown_device_are_refused(
    tmp_path: Path, data: Arrays, model: Autoencoder
) -> None:
    with pytest.raises(ValueError, match="at least one image to encode, got none"):
        encode(model, Arrays(data.images[:0], None), tmp_path)
    with pytest.raises(ValueError, match="device must be auto, cpu, cuda or .* got 'nope'"):
        encode(model, data, tmp_path, device="nope")
