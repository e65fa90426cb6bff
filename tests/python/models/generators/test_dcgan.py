from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from thinset.models.generators import Decoder, Discriminator, Encoder
from thinset.training import generator_for

SMALL = (8, 8, 1)
MNIST, CIFAR10 = (28, 28, 1), (32, 32, 3)


def drawn(network, shape=SMALL, n_classes=3, *, seed=0, **options):
    return network(shape, n_classes, generator=generator_for(seed, "weights"), **options)


def n_trainable(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("network", "shape", "expected"),
    [
        (Decoder, MNIST, 6_650_433),
        (Discriminator, MNIST, 6_569_409),
        (Encoder, MNIST, 6_695_484),
        (Decoder, CIFAR10, 8_663_235),
        (Discriminator, CIFAR10, 8_537_537),
        (Encoder, CIFAR10, 8_741_512),
    ],
)
def test_networks_have_the_size_of_the_paper(network, shape, expected: int) -> None:
    with torch.device("meta"):
        assert n_trainable(network(shape, 10)) == expected


def test_latents_have_the_size_of_the_paper() -> None:
    with torch.device("meta"):
        assert (Decoder(MNIST, 10).latent_size, Encoder(MNIST, 10).latent_size) == (62, 62)
        assert (Decoder(CIFAR10, 10).latent_size, Encoder(CIFAR10, 10).latent_size) == (100, 100)
        assert Decoder(MNIST, 10, latent_size=5).latent_size == 5
        assert Encoder(MNIST, 10, latent_size=5).output.out_features == 10


@pytest.mark.parametrize("shape", [(4, 4, 1), (4, 12, 2), (20, 8, 3)])
def test_any_sides_divisible_by_four(shape: tuple[int, int, int]) -> None:
    height, width, channels = shape
    labels = torch.tensor([0, 2])
    decoder = drawn(Decoder, shape)
    images = decoder(decoder.latents(2, generator_for(0, "noise")), labels).detach()
    assert images.shape == (2, channels, height, width)
    assert images.dtype == torch.float32
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1
    assert drawn(Discriminator, shape)(images, labels).shape == (2,)
    mean, variance = drawn(Encoder, shape, latent_size=7)(images, labels)
    assert mean.shape == variance.shape == (2, 7)


@pytest.mark.parametrize("network", [Decoder, Discriminator, Encoder])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((30, 28, 1), "the height of images must be divisible by 4, got 30; resize them to 32"),
        ((28, 27, 3), "the width of images must be divisible by 4, got 27; resize them to 28"),
        ((28, 2, 1), "the width of images must be divisible by 4, got 2; resize them to 4"),
        ((28, 28), r"image_shape must be \(height, width, channels\)"),
        ((0, 28, 1), r"image_shape must be \(height, width, channels\), all at least 1"),
    ],
)
def test_other_sides_are_refused(network, shape, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(shape, 10)


@pytest.mark.parametrize("network", [Decoder, Discriminator, Encoder])
def test_a_network_needs_a_class(network) -> None:
    with pytest.raises(ValueError, match="n_classes must be at least 1, got 0"):
        network(SMALL, 0)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (Decoder, {"latent_size": 0}, "latent_size must be at least 1, got 0"),
        (Encoder, {"latent_size": -3}, "latent_size must be at least 1, got -3"),
        (Decoder, {"prior": "beta"}, "prior must be uniform or normal, got 'beta'"),
    ],
)
def test_settings_out_of_range_are_refused(network, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        drawn(network, **options)


@torch.no_grad()
def test_images_do_not_depend_on_their_batch() -> None:
    decoder = drawn(Decoder).eval()
    latents = decoder.latents(12, generator_for(0, "noise"))
    labels = torch.arange(12) % 3
    together = decoder(latents, labels)
    for number in range(12):
        alone = decoder(latents[number : number + 1], labels[number : number + 1])
        assert torch.allclose(alone[0], together[number], atol=1e-6)


def test_latents_follow_their_prior() -> None:
    noise = generator_for(0, "noise")
    uniform = drawn(Decoder, prior="uniform", latent_size=50).latents(2000, noise)
    assert float(uniform.min()) >= -1
    assert float(uniform.max()) < 1
    assert float(uniform.mean()) == pytest.approx(0, abs=0.01)
    assert float(uniform.var()) == pytest.approx(1 / 3, abs=0.01)
    normal = drawn(Decoder, prior="normal", latent_size=50).latents(2000, noise)
    assert float(normal.std()) == pytest.approx(1, abs=0.01)
    assert float(normal.abs().max()) > 3


NETWORKS = [
    (Decoder, {}),
    (Discriminator, {}),
    (Discriminator, {"spectral_norm": True}),
    (Encoder, {}),
]


@pytest.mark.parametrize(("network", "options"), NETWORKS)
def test_initial_weights_depend_on_the_generator_alone(network, options) -> None:
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        states.append(drawn(network, **options).state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    other = drawn(network, seed=1, **options).state_dict()
    assert any(not torch.equal(value, other[name]) for name, value in states[0].items())


@pytest.mark.parametrize(("network", "options"), NETWORKS)
def test_without_a_generator_weights_come_from_the_default_one(network, options) -> None:
    def made(seed):
        torch.manual_seed(seed)
        return network(SMALL, 3, **options).state_dict()

    first, again, other = made(3), made(3), made(4)
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


@torch.no_grad()
def test_convolutions_start_truncated_and_other_layers_normal() -> None:
    for network in (drawn(Decoder), drawn(Discriminator), drawn(Encoder)):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                assert not layer.bias.any()
            if isinstance(layer, nn.Conv2d):
                # The deviation of a standard normal within two of its deviations is 0.8796.
                assert float(layer.weight.abs().max()) <= 0.04
                assert float(layer.weight.std()) == pytest.approx(0.02 * 0.8796, rel=0.05)
            elif isinstance(layer, nn.ConvTranspose2d | nn.Linear):
                assert float(layer.weight.std()) == pytest.approx(0.02, rel=0.1)
    largest = max(float(p.abs().max()) for p in drawn(Decoder).parameters() if p.ndim == 2)
    assert largest > 0.06
    norms = [m for m in drawn(Decoder).modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert {(norm.momentum, norm.eps) for norm in norms} == {(0.1, 1e-5)}
    assert all((norm.weight == 1).all() and not norm.bias.any() for norm in norms)


@torch.no_grad()
def test_layers_are_those_of_the_paper() -> None:
    """An independent forward pass over the weights, in evaluation mode."""
    torch.manual_seed(0)
    images, labels = torch.rand(5, 2, 8, 12), torch.tensor([0, 1, 2, 2, 1])
    encoder = drawn(Encoder, (8, 12, 2), latent_size=4).eval()
    weights = {name: value + 0.01 for name, value in encoder.state_dict().items()}
    encoder.load_state_dict(weights)
    convolution, second, linear = (f"trunk.layers.{number}" for number in (0, 2, 6))

    def normed(values, name):
        shape = (1, -1, 1, 1) if values.ndim == 4 else (1, -1)
        mean, variance, scale, shift = (
            weights[f"trunk.layers.{name}.{part}"].view(shape)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (values - mean) / (variance + 1e-5).sqrt() * scale + shift

    planes = torch.zeros(5, 3, 8, 12)
    planes[torch.arange(5), labels] = 1
    x = torch.cat([images, planes], dim=1)
    x = F.conv2d(x, *(weights[f"{convolution}.{p}"] for p in ("weight", "bias")), 2, 1)
    x = F.leaky_relu(x, 0.2)
    x = F.conv2d(x, *(weights[f"{second}.{p}"] for p in ("weight", "bias")), 2, 1)
    x = F.leaky_relu(normed(x, 3), 0.2).flatten(1)
    x = x @ weights[f"{linear}.weight"].T + weights[f"{linear}.bias"]
    x = F.leaky_relu(normed(x, 7), 0.2)
    x = x @ weights["output.weight"].T + weights["output.bias"]
    mean, variance = encoder(images, labels)
    assert torch.allclose(mean, x[:, :4], atol=1e-5)
    assert torch.allclose(variance, F.softplus(x[:, 4:]) + 1e-6, atol=1e-5)
    assert not torch.allclose(encoder(images, labels.roll(1))[0], mean, atol=1e-5)


@torch.no_grad()
def test_variance_stays_above_zero() -> None:
    encoder = drawn(Encoder, latent_size=3).eval()
    encoder.output.weight.zero_()
    encoder.output.bias.copy_(torch.tensor([0.0, 1.0, -1.0, -200.0, 0.0, 200.0]))
    mean, variance = encoder(torch.rand(1, 1, 8, 8), torch.tensor([0]))
    assert mean[0].tolist() == [0, 1, -1]
    expected = [1e-6, 0.6931472 + 1e-6, 200.0]
    assert variance[0].tolist() == pytest.approx(expected, rel=1e-6)


def test_soft_labels_condition_like_their_classes() -> None:
    decoder = drawn(Decoder).eval()
    latents, labels = decoder.latents(3, generator_for(0, "noise")), torch.tensor([2, 0, 1])
    assert torch.equal(decoder(latents, labels), decoder(latents, torch.eye(3)[labels]))
    with pytest.raises(ValueError, match=r"soft labels must have 3 columns, got shape \(3, 2\)"):
        decoder(latents, torch.ones(3, 2))


@torch.no_grad()
def test_spectral_norm_bounds_every_weight() -> None:
    network = drawn(Discriminator, spectral_norm=True, batch_norm=False).train()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.parametrizations.weight.original.mul_(50)
    images, labels = torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])
    for _ in range(30):  # each forward pass takes one step of the power iteration
        network(images, labels)
    network.eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
            assert float(largest) == pytest.approx(1, abs=0.02)


def test_without_batch_norm_scores_are_of_each_image_alone() -> None:
    images, labels = torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])
    for batch_norm in (True, False):
        network = drawn(Discriminator, batch_norm=batch_norm).train()
        with torch.no_grad():
            alone, together = network(images[:2], labels[:2]), network(images, labels)[:2]
        assert torch.allclose(alone, together, atol=1e-6) is not batch_norm
