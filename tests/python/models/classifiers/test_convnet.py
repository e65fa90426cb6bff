from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from thinset.models.classifiers.convnet import ConvNet, convnet


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layers_of(model: nn.Module, kind: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in model.modules() if isinstance(layer, kind)]


def test_has_the_published_number_of_parameters() -> None:
    model = ConvNet((32, 32, 3), 10)
    assert sum(p.numel() for p in model.parameters()) == 320_010
    kinds = ["Conv2d", "InstanceNorm", "ReLU", "AvgPool2d"]
    assert [type(layer).__name__ for layer in model.features] == [*kinds * 3, "Flatten"]


@pytest.mark.parametrize(
    ("image_shape", "n_blocks", "n_features"),
    [
        ((32, 32, 3), 3, 2048),
        ((28, 28, 1), 3, 128 * 9),
        ((24, 40, 1), 3, 128 * 15),
        ((23, 40, 1), 2, 128 * 50),
        ((16, 16, 1), 2, 2048),
        ((8, 8, 1), 1, 2048),
        ((3, 3, 2), 1, 128),
    ],
)
def test_small_images_get_fewer_blocks(image_shape, n_blocks: int, n_features: int) -> None:
    model = ConvNet(image_shape, 7)
    assert len(layers_of(model, nn.Conv2d)) == n_blocks
    height, width, channels = image_shape
    images = torch.rand(3, channels, height, width)
    assert model.hidden(images).shape == (3, n_features)
    assert model(images).shape == (3, 7)


def test_the_norm_is_instance_norm() -> None:
    model = ConvNet((32, 32, 3), 10, generator=seeded())
    norm = layers_of(model, nn.GroupNorm)[0]
    values = torch.randn(4, 128, 6, 5, generator=seeded(1))
    expected = nn.InstanceNorm2d(128, affine=True)(values)
    torch.testing.assert_close(norm(values), expected, atol=1e-5, rtol=1e-4)


def test_large_batches_have_the_outputs_and_gradients_of_their_images() -> None:
    model = ConvNet((12, 12, 3), 10, width=0.25, generator=seeded())
    images = torch.rand(35, 3, 12, 12, generator=seeded(1))
    weights = torch.randn(35, 10, generator=seeded(2))

    def gradients(batches) -> list[torch.Tensor]:
        model.zero_grad()
        for rows in batches:
            (model(images[rows]) * weights[rows]).sum().backward()
        return [parameter.grad.clone() for parameter in model.parameters()]

    torch.testing.assert_close(model(images)[33:], model(images[33:]))
    whole, one_by_one = gradients([range(35)]), gradients([[row] for row in range(35)])
    for together, apart in zip(whole, one_by_one, strict=True):
        torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-4)


def test_an_output_depends_on_its_own_image_alone() -> None:
    model = ConvNet((32, 32, 3), 10, generator=seeded())
    images = torch.rand(5, 3, 32, 32, generator=seeded(1))
    torch.testing.assert_close(model(images)[2:3], model(images[2:3]))
    torch.testing.assert_close(model.eval()(images), model.train()(images))


def test_initial_weights_are_torchs_own_and_depend_on_the_generator_alone() -> None:
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        states.append(ConvNet((32, 32, 3), 10, generator=seeded()).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    bound = 1 / math.sqrt(128 * 9)
    for name in ("features.4.weight", "features.8.weight"):
        assert 0.99 * bound < float(states[0][name].abs().max()) <= bound
        assert float(states[0][name].std()) == pytest.approx(bound / math.sqrt(3), rel=0.01)
    assert 0 < float(states[0]["head.bias"].abs().max()) <= 1 / math.sqrt(2048)
    assert bool((states[0]["features.1.weight"] == 1).all())


@pytest.mark.parametrize("width", [0.25, 1.5])
def test_width_multiplies_the_filters(width: float) -> None:
    model = convnet((32, 32, 3), 10, width=width)
    assert {layer.out_channels for layer in layers_of(model, nn.Conv2d)} == {round(128 * width)}


def test_hidden_is_what_the_last_layer_takes_and_images_are_standardised() -> None:
    model = ConvNet((16, 16, 1), 10, generator=seeded()).eval()
    model.standardise_with((0.25,), (0.5,))
    images = torch.rand(4, 1, 16, 16, generator=seeded(1))
    assert torch.equal(model.head(model.hidden(images)), model(images))
    assert torch.equal(model.features((images - 0.25) / 0.5), model.hidden(images))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((28, 28), {}, r"\(height, width, channels\).*got"),
        ((1, 28, 1), {}, "at least 2 x 2 pixels, got 1 x 28"),
        ((7, 28, 1), {"n_blocks": 3}, "at least 8 x 8 pixels, got 7 x 28"),
        ((8, 8, 1), {"n_blocks": 0}, "n_blocks must be at least 1, got 0"),
        ((8, 8, 1), {"n_classes": 1}, "n_classes must be at least 2, got 1"),
        ((8, 8, 1), {"width": 0.0}, "width must be above 0 and at most 1,000,000, got 0.0"),
    ],
)
def test_arguments_are_checked(shape, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvNet(shape, **{"n_classes": 10, **options})


def test_bfloat16_gives_the_same_in_both_memory_formats():
    # Instance norm computes in one of them, where torch is fast.
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model = convnet((32, 32, 3), 10, generator=torch.Generator().manual_seed(1))
    expected = model(images)
    gradients = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        model = model.to(memory_format=memory_format)
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(images.contiguous(memory_format=memory_format))
        torch.testing.assert_close(logits.float(), expected, atol=0.02, rtol=0.02)
        logits.float().square().sum().backward()
        gradients.append(torch.cat([each.grad.flatten() for each in model.parameters()]))
    difference = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
    assert difference < 0.02
