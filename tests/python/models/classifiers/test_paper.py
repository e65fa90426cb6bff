from __future__ import annotations

import pytest
import torch
from torch import nn

from thinset.models import Classifier


@pytest.mark.parametrize("image_shape", [(24, 24, 3), (28, 28, 1), (8, 8, 1), (7, 5, 2)])
def test_any_image_shape_gives_one_logit_per_class(image_shape: tuple[int, int, int]) -> None:
    height, width, channels = image_shape
    model = Classifier(image_shape, 10)
    assert model(torch.rand(3, channels, height, width)).shape == (3, 10)


def test_has_the_layers_of_the_paper() -> None:
    model = Classifier((24, 24, 3), 10)
    shapes = [tuple(p.shape) for p in model.parameters() if p.ndim > 1]
    assert shapes == [(64, 3, 5, 5), (64, 64, 5, 5), (384, 2304), (192, 384), (10, 192)]


def test_rectifier_behind_the_first_pooling_gives_the_paper_s_values() -> None:
    model = Classifier((24, 24, 3), 10).eval()
    convolution, pooling, rectifier, *rest = model.features
    in_order = nn.Sequential(convolution, nn.ReLU(), pooling, *rest)
    images = torch.rand(4, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    assert isinstance(rectifier, nn.ReLU)
    assert torch.equal(model.features(images), in_order(images))


def test_only_weights_of_fully_connected_layers_are_regularised() -> None:
    model = Classifier((8, 8, 1), 10)
    names = {id(p): name for name, p in model.named_parameters()}
    regularised = [names[id(p)] for p in model.regularised_parameters()]
    assert regularised == ["head.1.weight", "head.3.weight", "head.5.weight"]


def test_initial_weights_depend_on_the_generator_alone() -> None:
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        generator = torch.Generator().manual_seed(0)
        states.append(Classifier((8, 8, 1), 10, generator=generator).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_initial_weights_have_the_documented_spread() -> None:
    model = Classifier((24, 24, 3), 10, generator=torch.Generator().manual_seed(0))
    hidden, output = model.head[1].weight.detach(), model.head[5].weight.detach()
    # The standard error of a deviation is about 1 / sqrt(2 n): 0.05 % for 884,736 values.
    assert float(hidden.std()) == pytest.approx((2 / 2304) ** 0.5, rel=0.005)
    assert float(output.std()) == pytest.approx(1 / 192, rel=0.1)


@pytest.mark.parametrize("image_shape", [(24, 24), (0, 8, 1), (8, 8, 1.5), (8, 8, 1, 1)])
def test_refuses_other_image_shapes(image_shape: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(height, width, channels\).*got"):
        Classifier(image_shape, 10)


def test_refuses_a_single_class() -> None:
    with pytest.raises(ValueError, match="at least 2, got 1"):
        Classifier((8, 8, 1), 1)
