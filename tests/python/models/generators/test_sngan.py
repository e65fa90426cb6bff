from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from thinset.models.generators import ProjectionDiscriminator, ResidualGenerator
from thinset.training import generator_for

CIFAR10 = (32, 32, 3)
NETWORKS = (ResidualGenerator, ProjectionDiscriminator)


def drawn(network, shape=(8, 8, 1), n_classes=3, *, seed=0, **options):
    generator = generator_for(seed, "weights")
    return network(shape, n_classes, **{"n_channels": 6, "generator": generator, **options})


@pytest.mark.parametrize(
    ("network", "options", "expected"),
    [
        (ResidualGenerator, {}, 4_304_387),
        (ProjectionDiscriminator, {}, 1_055_105),
        (ResidualGenerator, {"output_norm": "conditional"}, 4_308_995),
        (ProjectionDiscriminator, {"shortcuts": "all"}, 1_088_129),
    ],
)
def test_networks_have_the_published_size(network, options, expected: int) -> None:
    with torch.device("meta"):
        made = network(CIFAR10, 10, **options)
    assert sum(p.numel() for p in made.parameters() if p.requires_grad) == expected
    assert sum(p.numel() for p in made.parameters()) == expected


@pytest.mark.parametrize(
    ("shape", "options", "n_up", "n_down"),
    [
        ((8, 8, 1), {}, 1, 1),
        ((16, 16, 3), {}, 2, 1),
        ((32, 32, 3), {}, 3, 2),
        ((64, 64, 1), {}, 4, 3),
        ((28, 28, 1), {}, 3, 2),
        ((29, 29, 1), {}, 3, 2),
        ((20, 20, 1), {"bottom_width": 5}, 2, 1),
        ((20, 20, 1), {"padding": 12}, 3, 2),
        ((8, 8, 1), {"padding": 8}, 2, 1),
        ((2, 2, 1), {"bottom_width": 1}, 1, 1),
    ],
)
def test_blocks_follow_the_side_of_the_images(shape, options, n_up: int, n_down: int) -> None:
    generator, discriminator = (drawn(network, shape, **options) for network in NETWORKS)
    assert len(generator.blocks) == n_up
    assert len(discriminator.blocks) == n_down + 2
    labels = torch.tensor([0, 2])
    latents = generator.latents(2, generator_for(0, "noise"))
    assert latents.shape == (2, 128)
    images = generator(latents, labels).detach()
    assert images.shape == (2, shape[2], *shape[:2])
    assert 0 <= float(images.min()) < float(images.max()) <= 1
    last = []
    discriminator.blocks[-1].register_forward_hook(lambda *call: last.append(call[2].shape[2]))
    assert discriminator(images, labels).shape == (2,)
    padded = shape[0] + sum(discriminator._edges[:2])
    assert last == [padded >> n_down]


def test_the_middle_of_a_larger_drawing_is_the_image() -> None:
    """Of 28 pixels, padded with black for the discriminator."""
    padded, plain = drawn(ResidualGenerator, (28, 28, 1)), drawn(ResidualGenerator, (32, 32, 1))
    plain.load_state_dict(padded.state_dict())
    latents, labels = torch.randn(3, 128), torch.tensor([0, 1, 2])
    whole = plain.eval()(latents, labels)
    assert torch.equal(padded.eval()(latents, labels), whole[:, :, 2:-2, 2:-2])
    padded, plain = (drawn(ProjectionDiscriminator, (side, side, 1)).eval() for side in (29, 32))
    images = torch.rand(3, 1, 29, 29)
    black = torch.zeros(3, 1, 32, 32)
    black[:, :, 1:-2, 1:-2] = images
    assert torch.equal(padded(images, labels), plain(black, labels))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((20, 20, 3), {}, "must be the bottom width 4 times a power of two, at least 8; got 20"),
        ((20, 20, 3), {}, "resize them to 16 or 32, .* --image-size 32 32, or use the padding 12"),
        ((24, 32, 3), {}, "must be square, got 24x32; .* --image-size 32 32"),
        ((32, 24, 3), {}, "must be square, got 32x24; .* --image-size 32 32"),
        ((100, 100, 3), {}, "got 100; resize them to 64 or 128, .* or use the padding 28"),
        ((27, 27, 3), {}, "got 27; resize them to 16 or 32"),
        ((4, 4, 3), {}, "got 4; resize them to 8, for example .* 8 8, or use the padding 4"),
        ((32, 32, 3), {"bottom_width": 3}, "width 3 times .* at least 6; got 32; .* 24 or 48, .*"),
        ((32, 32, 3), {"padding": 2}, "got 32 and a padding of 2; use the padding 0 or 32"),
        ((28, 28, 1), {"padding": 0}, "got 28 and a padding of 0; use the padding 4"),
        ((28, 28, 1), {"padding": -4}, "padding must be auto or at least 0, got -4"),
        ((28, 28, 1), {"bottom_width": 0}, "bottom_width must be at least 1, got 0"),
        ((28, 28, 1), {"n_channels": 0}, "number of channels must be at least 1, got 0"),
        ((28, 28), {}, r"image_shape must be \(height, width, channels\)"),
    ],
)  # fmt: skip
def test_other_sides_are_refused(network, shape, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        drawn(network, shape, **options)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (ResidualGenerator, {"latent_size": 0}, "latent_size must be at least 1, got 0"),
        (ResidualGenerator, {"output_norm": "none"}, "output_norm must be plain or conditional"),
        (ResidualGenerator, {"n_classes": 0}, "n_classes must be at least 1, got 0"),
        (ProjectionDiscriminator, {"shortcuts": "no"}, "shortcuts must be reference or all, got"),
        (ProjectionDiscriminator, {"n_classes": 0}, "n_classes must be at least 1, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(network, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        drawn(network, **options)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_that_are_no_class_are_refused(label: int) -> None:
    labels = torch.tensor([0, label])
    message = f"labels must be from 0 to 2, the classes of the network; got {label}"
    with pytest.raises(ValueError, match=message):
        drawn(ResidualGenerator)(torch.zeros(2, 128), labels)
    with pytest.raises(ValueError, match=message):
        drawn(ProjectionDiscriminator)(torch.zeros(2, 1, 8, 8), labels)


# ---- initial weights


def _stored(layer: nn.Module) -> torch.Tensor:
    """The weight before it is divided by its spectral norm."""
    if hasattr(layer, "parametrizations"):
        return layer.parametrizations.weight.original
    return layer.weight


@torch.no_grad()
def test_weights_start_glorot_uniform_with_the_gain_of_their_place() -> None:
    n_residual = 0
    for network in (
        drawn(ResidualGenerator, CIFAR10, 10, n_channels=32),
        drawn(ProjectionDiscriminator, CIFAR10, 10, n_channels=32, shortcuts="all"),
    ):
        tables = {m.embedding for m in network.modules() if hasattr(m, "norm") and m is not network}
        for name, layer in network.named_modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                assert not layer.bias.any()
            if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding) and layer not in tables:
                weight = _stored(layer)
                is_residual = "convolutions" in name
                n_residual += is_residual
                fans = nn.init._calculate_fan_in_and_fan_out(weight)
                limit = (math.sqrt(2) if is_residual else 1) * math.sqrt(6 / sum(fans))
                assert 0.9 * limit < float(weight.abs().max()) <= limit, name
                # The deviation of a uniform distribution.
                assert float(weight.std()) == pytest.approx(limit / math.sqrt(3), rel=0.15), name
    assert n_residual == 2 * 3 + 2 * 4


@torch.no_grad()
def test_scales_of_classes_start_near_one_and_shifts_at_zero() -> None:
    network = drawn(ResidualGenerator, CIFAR10, 10, n_channels=64, output_norm="conditional")
    norms = [norm for block in network.blocks for norm in block.norms] + [network.norm]
    assert len(norms) == 7
    scales = torch.stack([norm.embedding.weight[:, :64] for norm in norms])
    assert float(scales.mean()) == pytest.approx(1, abs=0.002)
    assert float(scales.std()) == pytest.approx(0.02, rel=0.1)
    assert not any(norm.embedding.weight[:, 64:].any() for norm in norms)
    assert not any(norm.norm.affine for norm in norms)
    assert all((norm.norm.momentum, norm.norm.eps) == (0.1, 1e-5) for norm in norms)
    plain = drawn(ResidualGenerator).norm
    assert (plain.weight == 1).all()
    assert not plain.bias.any()


@pytest.mark.parametrize("network", NETWORKS)
def test_initial_weights_depend_on_the_generator_alone(network) -> None:
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        states.append(drawn(network).state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    other = drawn(network, seed=1).state_dict()
    assert any(not torch.equal(value, other[name]) for name, value in states[0].items())


# ---- the layers


@torch.no_grad()
def test_the_discriminator_has_the_published_layers() -> None:
    """An independent forward pass over the bounded weights, in evaluation mode."""
    network = drawn(ProjectionDiscriminator, (16, 16, 2), bottom_width=2).eval()
    for name, value in network.named_parameters():
        if "bias" in name:
            value.add_(0.1)
    images, labels = torch.rand(4, 2, 16, 16), torch.tensor([0, 1, 2, 1])

    def conv(layer, values, padding=1):
        return F.conv2d(values, layer.weight, layer.bias, padding=padding)

    first, *rest = network.blocks
    assert len(rest) == 3
    x = images * 2 - 1
    hidden = conv(first.convolutions[1], conv(first.convolutions[0], x).relu())
    x = F.avg_pool2d(hidden, 2) + conv(first.shortcut, F.avg_pool2d(x, 2), 0)
    (down, *plain) = rest
    hidden = conv(down.convolutions[1], conv(down.convolutions[0], x.relu()).relu())
    x = F.avg_pool2d(hidden, 2) + F.avg_pool2d(conv(down.shortcut, x, 0), 2)
    for block in plain:
        assert not list(block.shortcut.parameters())
        x = x + conv(block.convolutions[1], conv(block.convolutions[0], x.relu()).relu())
    h = x.relu().sum(dim=(2, 3))
    expected = h @ network.output.weight[0] + network.output.bias
    expected = expected + (network.embedding.weight[labels] * h).sum(dim=1)
    assert torch.allclose(network(images, labels), expected, atol=1e-4, rtol=1e-4)
    # The projection alone depends on the label.
    change = network(images, labels.roll(1)) - network(images, labels)
    difference = network.embedding.weight[labels.roll(1)] - network.embedding.weight[labels]
    assert torch.allclose(change, (difference * h).sum(dim=1), atol=1e-4, rtol=1e-4)
    assert (change[(labels.roll(1) != labels)].abs() > 1e-3).all()


@torch.no_grad()
@pytest.mark.parametrize("output_norm", ["plain", "conditional"])
def test_the_generator_has_the_published_layers(output_norm: str) -> None:
    network = drawn(ResidualGenerator, (16, 16, 2), output_norm=output_norm, latent_size=5)
    noise = generator_for(0, "disturbance")
    for value in network.parameters():
        value.add_(0.1 * torch.rand(value.shape, generator=noise))
    latents, labels = torch.randn(4, 5), torch.tensor([0, 1, 2, 1])

    def conv(layer, values, padding=1):
        return F.conv2d(values, layer.weight, layer.bias, padding=padding)

    def doubled(values):
        return values.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    def standardised(values):
        mean = values.mean(dim=(0, 2, 3), keepdim=True)
        variance = values.var(dim=(0, 2, 3), keepdim=True, unbiased=False)
        return (values - mean) / (variance + 1e-5).sqrt()

    def conditioned(norm, values):
        rows = norm.embedding.weight[labels]
        scale, shift = rows[:, :6, None, None], rows[:, 6:, None, None]
        return standardised(values) * scale + shift

    x = F.linear(latents, network.enter.weight, network.enter.bias).view(4, 6, 4, 4)
    for block in network.blocks:
        hidden = conv(block.convolutions[0], doubled(conditioned(block.norms[0], x).relu()))
        hidden = conv(block.convolutions[1], conditioned(block.norms[1], hidden).relu())
        x = hidden + conv(block.shortcut, doubled(x), 0)
    if output_norm == "plain":
        weight, bias = network.norm.weight, network.norm.bias
        x = standardised(x) * weight[:, None, None] + bias[:, None, None]
    else:
        x = conditioned(network.norm, x)
    expected = (torch.tanh(conv(network.leave, x.relu())) + 1) / 2
    assert torch.allclose(network(latents, labels), expected, atol=1e-5)


@torch.no_grad()
def test_every_conditional_norm_changes_with_the_label() -> None:
    network = drawn(ResidualGenerator, (16, 16, 1), output_norm="conditional").eval()
    norms = [norm for block in network.blocks for norm in block.norms] + [network.norm]
    latents, labels = torch.randn(2, 128), torch.tensor([0, 1])
    for norm in norms:
        for other in norms:  # with all others alike for all classes
            other.embedding.weight.copy_(other.embedding.weight[:1].expand(3, -1))
        assert torch.equal(network(latents, labels), network(latents, labels.flip(0)))
        norm.embedding.weight[1] += 0.1
        assert not torch.allclose(network(latents, labels), network(latents, labels.flip(0)))


def test_soft_labels_condition_like_their_classes() -> None:
    labels = torch.tensor([2, 0])
    generator, discriminator = (drawn(network).eval() for network in NETWORKS)
    latents = torch.randn(2, 128)
    images = generator(latents, labels)
    assert torch.equal(images, generator(latents, torch.eye(3)[labels]))
    assert torch.equal(discriminator(images, labels), discriminator(images, torch.eye(3)[labels]))


@torch.no_grad()
def test_images_do_not_depend_on_their_batch() -> None:
    generator = drawn(ResidualGenerator).eval()
    latents, labels = torch.randn(7, 128), torch.arange(7) % 3
    together = generator(latents, labels)
    for number in range(7):
        rows = slice(number, number + 1)
        assert torch.allclose(
            generator(latents[rows], labels[rows])[0], together[number], atol=1e-6
        )


def test_latents_are_standard_normal() -> None:
    latents = drawn(ResidualGenerator).latents(500, generator_for(0, "noise"))
    assert latents.dtype == torch.float32
    assert float(latents.mean()) == pytest.approx(0, abs=0.02)
    assert float(latents.std()) == pytest.approx(1, abs=0.02)
    assert float(latents.abs().max()) > 3
