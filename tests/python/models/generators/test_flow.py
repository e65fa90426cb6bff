from __future__ import annotations

import math

import pytest
import torch

from thinset.models.generators import FlowGenerator
from thinset.training import generator_for

SMALL = (8, 8, 1)


def drawn(shape=SMALL, n_classes=3, *, seed=0, **options) -> FlowGenerator:
    generator = generator_for(seed, "weights")
    return FlowGenerator(shape, n_classes, generator=generator, **{"widths": (8, 16), **options})


def disturbed(network: FlowGenerator) -> FlowGenerator:
    """With an output that is not 0, as after some training."""
    noise = generator_for(0, "disturbance")
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=noise))
    return network.eval()


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_the_default_has_one_to_three_million_parameters(shape) -> None:
    with torch.device("meta"):
        network = FlowGenerator(shape, 10)
    assert 1e6 <= sum(p.numel() for p in network.parameters()) <= 3e6


@pytest.mark.parametrize("shape", [(4, 4, 1), (4, 12, 2), (20, 8, 3)])
def test_any_sides_divisible_by_four(shape) -> None:
    height, width, channels = shape
    network = disturbed(drawn(shape, n_steps=2))
    latents = network.latents(2, generator_for(0, "noise"))
    assert latents.shape == (2, channels, height, width)
    images = network(latents, torch.tensor([0, 2])).detach()
    assert images.shape == latents.shape
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((30, 28, 1), {}, "the height of images must be divisible by 4, got 30"),
        ((28, 26, 1), {}, "the width of images must be divisible by 4, got 26"),
        (SMALL, {"widths": (12, 16)}, r"widths must be multiples of 8, got \(12, 16\)"),
        (SMALL, {"widths": (8, 0)}, "widths must be multiples of 8"),
        (SMALL, {"n_steps": 0}, "n_steps must be at least 1, got 0"),
        (SMALL, {"solver": "heun"}, "solver must be euler or midpoint, got 'heun'"),
        (SMALL, {"n_classes": 0}, "n_classes must be at least 1, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(shape, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        drawn(shape, **options)


def test_images_do_not_depend_on_their_batch() -> None:
    network = disturbed(drawn(n_steps=2))
    latents, labels = network.latents(6, generator_for(0, "noise")), torch.arange(6) % 3
    with torch.no_grad():
        together = network(latents, labels)
        alone = torch.cat([network(latents[i : i + 1], labels[i : i + 1]) for i in range(6)])
    assert torch.allclose(alone, together, atol=1e-5)


def test_initial_weights_depend_on_the_generator_alone() -> None:
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        states.append(drawn().state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    other = drawn(seed=1).state_dict()
    assert any(not torch.equal(value, other[name]) for name, value in states[0].items())


def test_an_untrained_velocity_is_zero() -> None:
    network = drawn(n_steps=3)
    latents = network.latents(2, generator_for(0, "noise"))
    labels = torch.tensor([0, 1])
    assert not network.velocity(latents, torch.tensor([0.0, 0.5]), labels).any()
    assert torch.allclose(network(latents, labels), (latents / 2 + 0.5).clamp(0, 1), atol=1e-6)


def test_velocity_depends_on_time_and_label() -> None:
    network = disturbed(drawn())
    points = network.latents(1, generator_for(0, "noise"))

    def velocity(time: float, label: int) -> torch.Tensor:
        return network.velocity(points, torch.tensor([time]), torch.tensor([label]))

    base = velocity(0.5, 0)
    assert not torch.allclose(velocity(0.51, 0), base, atol=1e-4)
    assert not torch.allclose(velocity(0.5, 1), base, atol=1e-4)


class Growing(FlowGenerator):
    """dx/dt = x: a known solution, x(1) = e x(0)."""

    def velocity(self, points, times, labels):
        return points


class Hastening(FlowGenerator):
    """dx/dt = 2t: the midpoint rule is exact, x(1) = x(0) + 1."""

    def velocity(self, points, times, labels):
        return (2 * times)[:, None, None, None].expand_as(points)


@torch.no_grad()
@pytest.mark.parametrize("n_steps", [1, 3, 10])
def test_solvers_follow_their_formulas(n_steps: int) -> None:
    start, labels = torch.full((1, 1, 8, 8), 0.1), torch.tensor([0])

    def end(field, solver) -> float:
        network = field(SMALL, 1, widths=(8, 8), n_steps=n_steps, solver=solver)
        return float(network(start, labels)[0, 0, 0, 0]) * 2 - 1

    size = 1 / n_steps
    assert end(Growing, "euler") == pytest.approx(0.1 * (1 + size) ** n_steps, rel=1e-5)
    midpoint = 0.1 * (1 + size + size**2 / 2) ** n_steps
    assert end(Growing, "midpoint") == pytest.approx(midpoint, rel=1e-5)
    assert midpoint == pytest.approx(0.1 * math.e, rel=0.1)
    start.fill_(-0.5)
    assert end(Hastening, "euler") == pytest.approx(0.5 - size, abs=1e-6)
    assert end(Hastening, "midpoint") == pytest.approx(0.5, abs=1e-6)
