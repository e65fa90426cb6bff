from __future__ import annotations

import pytest
import torch
from torch import nn

from thinset.models.classifiers.resnet import HalvingConvolution, ResidualBlock, ResNet, resnet


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]


def test_has_the_layers_of_the_table() -> None:
    model = ResNet((32, 32, 3), 10)
    layers = convolutions(model)
    assert len(layers) + 1 == 21
    assert sum(p.numel() for p in model.parameters()) == 11_173_962
    assert (layers[0].out_channels, layers[0].kernel_size, layers[0].stride) == (64, (3, 3), (1, 1))
    pool = model.features[3]
    assert (pool.kernel_size, pool.stride) == (3, 2)
    blocks = [layer for layer in model.features if isinstance(layer, ResidualBlock)]
    filters = [[layer.out_channels for layer in convolutions(block)[:2]] for block in blocks]
    assert filters == [[n, n] for n in (64, 64, 128, 128, 256, 256, 512, 512)]
    # The 3rd, 5th and 7th block halve the sides and have a 1x1 convolution on the shortcut.
    assert [n for n, block in enumerate(blocks) if len(convolutions(block)) == 3] == [2, 4, 6]
    assert [n for n, block in enumerate(blocks) if convolutions(block)[0].stride == (2, 2)] == [
        *(2, 4, 6)
    ]
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == len(layers)


def test_a_block_adds_its_input() -> None:
    block = ResidualBlock(4, 4, stride=1).eval()
    nn.init.zeros_(convolutions(block)[1].weight)
    values = torch.randn(2, 4, 5, 5, generator=seeded())
    torch.testing.assert_close(block(values), values.relu())


@pytest.mark.parametrize("image_shape", [(32, 32, 3), (28, 28, 1), (8, 8, 1), (17, 9, 2)])
def test_any_image_shape_gives_one_logit_per_class(image_shape: tuple[int, int, int]) -> None:
    height, width, channels = image_shape
    model = ResNet(image_shape, 10, width=0.125, generator=seeded()).eval()
    model.standardise_with((0.5,) * channels, (0.25,) * channels)
    images = torch.rand(3, channels, height, width, generator=seeded(1))
    assert model.hidden(images).shape == (3, 64)
    assert torch.equal(model.head(model.hidden(images)), model(images))
    assert torch.equal(model.features((images - 0.5) / 0.25), model.hidden(images))


def test_initial_weights_depend_on_the_generator_alone() -> None:
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        states.append(resnet((8, 8, 1), 10, width=0.1, generator=seeded()).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    other = resnet((8, 8, 1), 10, width=0.1, generator=seeded(1)).state_dict()
    assert not torch.equal(states[0]["head.weight"], other["head.weight"])


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((28, 28), {}, r"\(height, width, channels\).*got"),
        ((8, 8, 1), {"n_classes": 1}, "n_classes must be at least 2, got 1"),
        (
            (8, 8, 1),
            {"width": float("inf")},
            "width must be above 0 and at most 1,000,000, got inf",
        ),
    ],
)
def test_arguments_are_checked(shape, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResNet(shape, **{"n_classes": 10, **options})


@pytest.mark.parametrize("size", [(8, 8), (4, 4), (16, 4)])
def test_gradients_are_finite_in_bfloat16_where_few_pixels_are_left(size: tuple[int, int]) -> None:
    images = torch.rand((16, 1, *size), generator=seeded())
    for seed in range(5):
        model = ResNet((*size, 1), 10, width=0.125, generator=seeded(seed))
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(images)
        logits.float().square().sum().backward()
        assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 2), (5, 4)])
def test_a_halving_convolution_is_one_of_stride_two(size: tuple[int, int]) -> None:
    layer = HalvingConvolution(3, 4)
    images = torch.randn((2, 3, *size), generator=seeded())
    expected = nn.functional.conv2d(images, layer.weight, stride=2, padding=1)
    torch.testing.assert_close(layer(images), expected)
