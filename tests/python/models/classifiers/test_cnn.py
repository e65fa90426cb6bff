from __future__ import annotations

import pytest
import torch
from torch import nn

from thinset.models.architecture import Architecture
from thinset.models.architecture_space import draw_architectures
from thinset.models.batch_statistics import require_no_batch_statistics
from thinset.models.classifiers import classifier_named
from thinset.models.classifiers.cnn import CNN

TEXT = "cnn:3-16-max,5-8x2-avg-skip"


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def named(text: str, width: float = 1.0, seed: int = 0) -> nn.Module:
    return classifier_named(
        text, (8, 8, 1), 10, width=width, generator=seeded(seed), seed=0
    )  # fmt: skip


def test_a_name_gives_the_network_that_it_describes() -> None:
    model = named(TEXT)
    assert isinstance(model, CNN)
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    shapes = [tuple(layer.weight.shape) for layer in convolutions]
    assert shapes == [(16, 1, 3, 3), (8, 16, 5, 5), (8, 8, 5, 5)]
    kinds = (nn.MaxPool2d, nn.AvgPool2d)
    poolings = [type(layer) for layer in model.modules() if isinstance(layer, kinds)]
    assert poolings == [nn.MaxPool2d, nn.AvgPool2d]
    require_no_batch_statistics(model)


def test_weights_depend_on_the_generator_alone() -> None:
    one, same, other = named(TEXT), named(TEXT), named(TEXT, seed=1)
    images = torch.rand(2, 1, 8, 8, generator=seeded(9))
    assert torch.equal(one(images), same(images))
    assert not torch.equal(one(images), other(images))


def test_a_skip_adds_the_first_convolution_to_the_last() -> None:
    with_skip, without = named(TEXT), named(TEXT.removesuffix("-skip"))
    images = torch.rand(2, 1, 8, 8, generator=seeded(9))
    entered = without.blocks[0](images)
    block = without.blocks[1]
    first = torch.relu(block.norms[0](block.convolutions[0](entered)))
    last = torch.relu(block.norms[1](block.convolutions[1](first)))
    for model, values in ((with_skip, first + last), (without, last)):
        means = block.pooling(values).mean((2, 3))
        deviation = (means.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
        expected = (means - means.mean(1, keepdim=True)) / deviation
        torch.testing.assert_close(model.hidden(images), expected)


def test_width_multiplies_the_filters() -> None:
    model = named(TEXT, width=0.25)
    assert [layer.out_channels for layer in model.modules() if isinstance(layer, nn.Conv2d)] == [
        4, 2, 2,
    ]  # fmt: skip


def test_an_output_depends_on_its_own_image_alone() -> None:
    images = torch.rand(5, 3, 32, 32, generator=seeded(1))
    for architecture in draw_architectures(5, 0):
        model = CNN(architecture, (32, 32, 3), 10, generator=seeded())
        logits = model(images)
        assert logits.shape == (5, 10)
        torch.testing.assert_close(logits[2:3], model(images[2:3]))


@pytest.mark.parametrize(
    ("image_shape", "n_classes", "message"),
    [
        ((3, 8, 1), 10, "at least 4 x 4 pixels for cnn:.*, got 3 x 8"),
        ((8, 8, 1), 1, "n_classes must be at least 2, got 1"),
    ],
)
def test_arguments_out_of_range_are_refused(image_shape, n_classes, message) -> None:
    with pytest.raises(ValueError, match=message):
        CNN(Architecture.parse(TEXT), image_shape, n_classes)


def test_an_unreadable_architecture_is_named() -> None:
    with pytest.raises(ValueError, match="got 'cnn:3-16'"):
        named("cnn:3-16")
