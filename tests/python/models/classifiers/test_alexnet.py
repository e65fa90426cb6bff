from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from thinset.models.classifiers.alexnet import AlexNet, ResponseNorm


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_has_the_published_number_of_parameters() -> None:
    model = AlexNet((32, 32, 3), 10)
    assert sum(p.numel() for p in model.parameters()) == 1_756_426
    shapes = [tuple(p.shape) for p in model.parameters() if p.ndim > 1]
    assert shapes == [(64, 3, 5, 5), (64, 64, 5, 5), (384, 4096), (192, 384), (10, 192)]


@pytest.mark.parametrize("image_shape", [(32, 32, 3), (28, 28, 1), (8, 8, 1), (17, 9, 2)])
def test_any_image_shape_gives_one_logit_per_class(image_shape: tuple[int, int, int]) -> None:
    height, width, channels = image_shape
    model = AlexNet(image_shape, 7, width=0.25)
    assert model(torch.rand(3, channels, height, width)).shape == (3, 7)


def test_pooling_and_response_normalisation_change_places() -> None:
    model = AlexNet((32, 32, 3), 10, width=0.1)
    names = [type(layer).__name__ for layer in model.features]
    assert names == [
        *("Conv2d", "ReLU", "MaxPool2d", "ResponseNorm"),
        *("Conv2d", "ReLU", "ResponseNorm", "MaxPool2d", "Flatten"),
    ]


def test_response_normalisation_has_the_published_constants() -> None:
    values = torch.rand(1, 13, 1, 1, generator=seeded()) * 50
    norm = AlexNet((8, 8, 1), 10, width=0.2).features[3]
    channel = 6  # those from 2 to 10 are within 4 of it
    total = float(values[0, 2:11].square().sum())
    expected = float(values[0, channel]) / (1 + 0.001 / 9 * total) ** 0.75
    assert float(norm(values)[0, channel]) == pytest.approx(expected, rel=1e-5)


def test_response_normalisation_is_that_of_torch_with_its_second_derivatives() -> None:
    norm = ResponseNorm(12).double()
    peer = nn.LocalResponseNorm(9, alpha=0.001, beta=0.75, k=1)
    values = 20 * torch.randn(2, 12, 3, 2, generator=seeded(), dtype=torch.float64)
    weights = torch.randn(values.shape, generator=seeded(1), dtype=torch.float64)
    found = []
    for layer in (norm, peer):
        inputs = values.clone().requires_grad_()
        outputs = layer(inputs)
        (first,) = torch.autograd.grad((outputs * weights).sum(), inputs, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), inputs)
        found.append((outputs, first, second))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_initial_weights_are_glorot_uniform_and_depend_on_the_generator_alone() -> None:
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        states.append(AlexNet((8, 8, 1), 10, generator=seeded()).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    weight = states[0]["features.4.weight"]  # 64 x 64 x 5 x 5
    bound = math.sqrt(6 / (2 * 64 * 25))
    assert 0.999 * bound < float(weight.abs().max()) <= bound
    assert all(not value.any() for name, value in states[0].items() if name.endswith("bias"))


def test_width_multiplies_all_but_the_classes() -> None:
    model = AlexNet((32, 32, 3), 10, width=0.125)
    widths = [len(p) for p in model.parameters() if p.ndim == 1]
    assert widths == [8, 8, 48, 24, 10]


def test_images_are_standardised_inside() -> None:
    model = AlexNet((8, 8, 1), 10, width=0.1, generator=seeded())
    images = torch.rand(2, 1, 8, 8, generator=seeded(1))
    plain = nn.Sequential(model.features, model.head)
    model.standardise_with([0.5], [0.25])
    assert torch.equal(model(images), plain((images - 0.5) / 0.25))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((28, 28), {}, r"\(height, width, channels\).*got"),
        ((28, 28, 1), {"n_classes": 1}, "n_classes must be at least 2, got 1"),
        ((28, 28, 1), {"width": -1.0}, "width must be above 0 and at most 1,000,000, got -1.0"),
    ],
)
def test_arguments_are_checked(shape, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AlexNet(shape, **{"n_classes": 10, **options})
