from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from thinset.models import SmallVGG
from thinset.models.classifiers.vgg import small_vgg


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layers_of(model: SmallVGG, kind: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in model.modules() if isinstance(layer, kind)]


@pytest.mark.parametrize("image_shape", [(32, 32, 3), (28, 28, 1), (8, 8, 1), (17, 9, 2)])
def test_any_image_shape_gives_one_logit_per_class(image_shape: tuple[int, int, int]) -> None:
    height, width, channels = image_shape
    model = SmallVGG(image_shape, 10)
    assert model(torch.rand(3, channels, height, width)).shape == (3, 10)


def test_has_the_layers_of_the_paper() -> None:
    model = SmallVGG((28, 28, 1), 10)
    shapes = [tuple(p.shape) for p in model.parameters() if p.ndim > 1]
    assert shapes == [
        *((64, 1, 3, 3), (64, 64, 3, 3)),
        *((128, 64, 3, 3), (128, 128, 3, 3)),
        *((256, 128, 3, 3), (256, 256, 3, 3)),
        (10, 256 * 3 * 3),
    ]
    kinds = ["Conv2d", "LeakyReLU", "Conv2d", "LeakyReLU", "MaxPool2d", "Dropout"]
    assert [type(layer).__name__ for layer in model.features] == [*kinds * 3, "Flatten"]
    assert {layer.p for layer in layers_of(model, nn.Dropout)} == {0.6}
    assert {layer.negative_slope for layer in layers_of(model, nn.LeakyReLU)} == {0.1}
    assert {(layer.kernel_size, layer.stride) for layer in layers_of(model, nn.MaxPool2d)} == {
        (2, 2)
    }


def test_batch_norm_is_for_colour_images_unless_it_is_asked_for() -> None:
    def n_norms(*args, **options) -> int:
        return len(layers_of(SmallVGG(*args, **options), nn.BatchNorm2d))

    assert n_norms((28, 28, 1), 10) == 0
    assert n_norms((32, 32, 3), 10) == 6
    assert n_norms((28, 28, 1), 10, batch_norm=True) == 6
    assert n_norms((32, 32, 3), 10, batch_norm=False) == 0
    kinds = [type(layer).__name__ for layer in SmallVGG((32, 32, 3), 10).features]
    assert kinds[:3] == ["Conv2d", "BatchNorm2d", "LeakyReLU"]


def test_initial_weights_are_glorot_uniform_and_depend_on_the_generator_alone() -> None:
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        states.append(SmallVGG((28, 28, 1), 10, generator=seeded()).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    weight = states[0]["features.14.weight"]  # 256 x 256 x 3 x 3
    bound = math.sqrt(6 / (2 * 256 * 9))
    assert 0.999 * bound < float(weight.abs().max()) <= bound
    assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.005)
    assert all(not value.any() for name, value in states[0].items() if name.endswith("bias"))


@pytest.mark.parametrize("width", [0.5, 0.125, 2.0])
def test_width_multiplies_the_filters(width: float) -> None:
    model = small_vgg((8, 8, 1), 10, width=width)
    filters = [layer.out_channels for layer in layers_of(model, nn.Conv2d)]
    assert filters == [round(width * n) for n in (64, 64, 128, 128, 256, 256)]


def test_hidden_is_what_the_last_layer_takes() -> None:
    model = SmallVGG((28, 28, 1), 10, generator=seeded()).eval()
    images = torch.rand(4, 1, 28, 28, generator=seeded(1))
    hidden = model.hidden(images)
    assert hidden.shape == (4, 2304)
    assert torch.equal(model.head(hidden), model(images))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("n_images", [5, 2500])
def test_is_standardised_per_channel_by_the_training_images(
    dtype: type, n_images: int, tmp_path
) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (n_images, 8, 9, 3), np.uint8)
    grey[..., 1] //= 4
    images = grey if dtype is np.uint8 else (grey / 255).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    model = SmallVGG((8, 9, 3), 10)
    model.standardise_by(np.load(tmp_path / "images.npy", mmap_mode="r"))
    expected = grey.reshape(-1, 3) / 255
    np.testing.assert_allclose(model.mean.numpy(), expected.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(model.deviation.numpy(), expected.std(axis=0), rtol=1e-6)
    taken: list[torch.Tensor] = []
    model.features = nn.Sequential(nn.Identity(), nn.Flatten())
    taken.append(model.hidden(torch.from_numpy(grey).permute(0, 3, 1, 2) / 255))
    by_channel = taken[0].reshape(n_images, 3, -1).transpose(0, 1).flatten(1)
    torch.testing.assert_close(by_channel.mean(dim=1), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(by_channel.std(dim=1, correction=0), torch.ones(3))


def test_the_statistics_are_stored_with_the_weights() -> None:
    model, other = SmallVGG((8, 8, 1), 10), SmallVGG((8, 8, 1), 10)
    model.standardise_by(np.full((4, 8, 8, 1), 51, np.uint8))
    other.load_state_dict(model.state_dict())
    assert float(other.mean) == pytest.approx(0.2)
    assert float(other.deviation) == pytest.approx(1 / 255)  # flat images do not divide by zero


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((28, 28), {}, r"\(height, width, channels\).*got"),
        ((7, 28, 1), {}, "at least 8 x 8 pixels, got 7 x 28"),
        ((8, 8, 1), {"n_classes": 1}, "n_classes must be at least 2, got 1"),
        ((8, 8, 1), {"width": 0.0}, "width must be above 0 and at most 1,000,000, got 0.0"),
        ((8, 8, 1), {"dropout": 1.0}, "dropout must be at least 0 and less than 1, got 1.0"),
    ],
)
def test_arguments_are_checked(shape, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SmallVGG(shape, **{"n_classes": 10, **options})


@pytest.mark.parametrize("shape", [(4, 8, 8, 3), (4, 8, 8), (0, 8, 8, 1)])
def test_images_to_standardise_by_have_the_models_channels(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must have shape \(N, height, width, 1\), got"):
        SmallVGG((8, 8, 1), 10).standardise_by(np.zeros(shape, np.uint8))
