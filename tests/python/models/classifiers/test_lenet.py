from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from thinset.models.classifiers.lenet import LeNet


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("image_shape", "n_parameters"),
    [((28, 28, 1), 61_706), ((32, 32, 1), 61_706), ((32, 32, 3), 62_006)],
)
def test_has_the_published_number_of_parameters(image_shape, n_parameters: int) -> None:
    model = LeNet(image_shape, 10)
    assert sum(p.numel() for p in model.parameters()) == n_parameters
    shapes = [tuple(p.shape) for p in model.parameters() if p.ndim > 1]
    channels = image_shape[2]
    assert shapes == [
        *((6, channels, 5, 5), (16, 6, 5, 5)),
        *((120, 400), (84, 120), (10, 84)),
    ]


@pytest.mark.parametrize("side", [4, 5, 8, 11, 12, 13, 28, 31, 32, 33, 64])
@pytest.mark.parametrize("other", [4, 12, 32, 45])
def test_any_image_shape_gives_one_logit_per_class(side: int, other: int) -> None:
    assert LeNet((side, other, 2), 7)(torch.rand(3, 2, side, other)).shape == (3, 7)


def test_has_no_batch_statistics_and_no_random_masks() -> None:
    kinds = {type(layer).__name__ for layer in LeNet((28, 28, 1), 10).modules()}
    assert kinds == {
        *("LeNet", "Sequential", "Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear"),
    }


def test_initial_weights_are_glorot_uniform_and_depend_on_the_generator_alone() -> None:
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        states.append(LeNet((28, 28, 1), 10, generator=seeded()).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    weight = states[0]["head.0.weight"]  # 120 x 400
    bound = math.sqrt(6 / 520)
    assert 0.999 * bound < float(weight.abs().max()) <= bound
    assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert all(not value.any() for name, value in states[0].items() if name.endswith("bias"))


def test_width_multiplies_all_but_the_classes() -> None:
    model = LeNet((28, 28, 1), 10, width=0.5)
    widths = [len(p) for p in model.parameters() if p.ndim == 1]
    assert widths == [3, 8, 60, 42, 10]


def test_images_are_standardised_inside() -> None:
    model = LeNet((8, 8, 1), 10, generator=seeded())
    images = torch.rand(2, 1, 8, 8, generator=seeded(1))
    plain = nn.Sequential(model.features, model.head)
    assert torch.equal(model(images), plain(images))
    model.standardise_with([0.5], [0.25])
    assert torch.equal(model(images), plain((images - 0.5) / 0.25))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((28, 28), {}, r"\(height, width, channels\).*got"),
        ((28, 3, 1), {}, "at least 4 x 4 pixels, got 28 x 3"),
        ((28, 28, 1), {"n_classes": 1}, "n_classes must be at least 2, got 1"),
        ((28, 28, 1), {"width": 0.0}, "width must be above 0 and at most 1,000,000, got 0.0"),
    ],
)
def test_arguments_are_checked(shape, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LeNet(shape, **{"n_classes": 10, **options})
