"""Gradients through unrolled trainings, against central differences and plain training."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from thinset.distillation.unrolled import (
    InnerSteps,
    trained_weights,
    unrolled_gradients,
    weights_of,
)
from thinset.models.classifiers.lenet import LeNet

N_CLASSES = 3


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth_network() -> nn.Module:
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(18, N_CLASSES)
    ).double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5, generator=seeded(parameter.numel()))
    return network


def lenet() -> nn.Module:
    return LeNet((8, 8, 1), N_CLASSES, generator=seeded()).double()


def steps_for(
    side: int, *, n_parts: int = 1, n_steps: int = 3, soft: bool = False, dtype=torch.float64
) -> InnerSteps:
    generator = seeded(1)
    shape = (n_parts, N_CLASSES, 1, side, side)
    images = torch.randn(shape, generator=generator, dtype=dtype)
    sizes = 0.05 + 0.3 * torch.rand(n_steps, generator=generator, dtype=dtype)
    if soft:
        logits = torch.randn((n_parts, N_CLASSES, N_CLASSES), generator=generator, dtype=dtype)
        return InnerSteps(images, logits.softmax(dim=2), sizes)
    return InnerSteps(images, torch.arange(N_CLASSES).repeat(n_parts, 1), sizes)


def real_batch(side: int, dtype=torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = seeded(2)
    images = torch.rand((6, 1, side, side), generator=generator, dtype=dtype)
    return images, torch.randint(N_CLASSES, (6,), generator=generator)


def loss_after(network: nn.Module, steps: InnerSteps, images, labels) -> float:
    """The loss at the end, by training a copy of the network with torch's own optimizer."""
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    for number, size in enumerate(steps.step_sizes):
        part = number % len(steps.images)
        optimizer = torch.optim.SGD(network.parameters(), lr=float(size))
        optimizer.zero_grad()
        F.cross_entropy(network(steps.images[part]), steps.targets[part]).backward()
        optimizer.step()
    with torch.no_grad():
        loss = float(F.cross_entropy(network(images), labels))
    network.load_state_dict(weights)
    return loss


def central_difference(network, steps: InnerSteps, field: str, index, batch, epsilon) -> float:
    losses = []
    for sign in (1, -1):
        moved = getattr(steps, field).clone()
        moved.view(-1)[index] += sign * epsilon
        losses.append(loss_after(network, steps._replace(**{field: moved}), *batch))
    return (losses[0] - losses[1]) / (2 * epsilon)


def relative_error(network, steps, gradients, field: str, batch, *, indices, epsilon) -> float:
    found = getattr(gradients, field).flatten()[indices]
    expected = torch.tensor(
        [central_difference(network, steps, field, i, batch, epsilon) for i in indices],
        dtype=torch.float64,
    )
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("segment", [None, 1])
@pytest.mark.parametrize("n_parts", [1, 2])
def test_gradients_are_those_of_central_differences(n_parts: int, segment: int | None) -> None:
    network, batch = smooth_network(), real_batch(5)
    steps = steps_for(5, n_parts=n_parts, soft=True)
    losses, gradients = unrolled_gradients(
        network, weights_of(network), steps, *batch, segment=segment
    )
    assert float(losses.mean()) == pytest.approx(loss_after(network, steps, *batch), rel=1e-12)
    for field in ("images", "targets", "step_sizes"):
        indices = list(range(getattr(steps, field).numel()))
        error = relative_error(
            network, steps, gradients, field, batch, indices=indices, epsilon=1e-5
        )
        assert error < 1e-7, field


def test_gradients_of_lenet_are_those_of_central_differences() -> None:
    network, batch = lenet(), real_batch(8)
    steps = steps_for(8, soft=True)
    _, gradients = unrolled_gradients(network, weights_of(network), steps, *batch)
    for field in ("images", "targets", "step_sizes"):
        # The kinks of rectifiers and poolings are hardly ever within so small a distance.
        error = relative_error(
            network,
            steps,
            gradients,
            field,
            batch,
            indices=list(range(0, getattr(steps, field).numel(), 7 if field == "images" else 1)),
            epsilon=1e-6,
        )
        assert error < 1e-5, field


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("n_parts", [1, 3])
@pytest.mark.parametrize("segment", [1, 2, 6, 100])
def test_segments_give_the_same_gradients(segment: int, n_parts: int, *, soft: bool) -> None:
    network, batch = lenet(), real_batch(8)
    steps = steps_for(8, n_parts=n_parts, n_steps=6, soft=soft)
    weights = weights_of(network)
    whole_losses, whole = unrolled_gradients(network, weights, steps, *batch)
    losses, found = unrolled_gradients(network, weights, steps, *batch, segment=segment)
    torch.testing.assert_close(losses, whole_losses, rtol=1e-13, atol=0)
    for one, other in zip(found, whole, strict=True):
        if other is None:
            assert one is None
        else:
            torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-15)
    assert (whole.targets is None) is not soft


def test_a_step_starts_where_the_one_before_it_ended() -> None:
    network, steps = smooth_network(), steps_for(5, n_parts=2, n_steps=4)
    trained = list(trained_weights(network, weights_of(network), steps))
    assert len(trained) == 4
    for number, weights in enumerate(trained):
        so_far = steps._replace(step_sizes=steps.step_sizes[: number + 1])
        images, labels = real_batch(5)
        expected = loss_after(network, so_far, images, labels)
        with torch.no_grad():
            logits = torch.func.functional_call(network, weights, (images,))
        assert float(F.cross_entropy(logits, labels)) == pytest.approx(expected, rel=1e-12)
        assert all(not value.grad_fn for value in weights.values())


@pytest.mark.parametrize("segment", [None, 2])
def test_nothing_that_was_given_is_changed(segment: int | None) -> None:
    network, steps = smooth_network(), steps_for(5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    given = [value.clone() for value in steps]
    unrolled_gradients(network, weights_of(network), steps, *real_batch(5), segment=segment)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(torch.equal(one, other) for one, other in zip(given, steps, strict=True))
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("segment", [None, 1])
def test_weights_without_gradients_stay_as_they_are(segment: int | None) -> None:
    network, batch, steps = smooth_network(), real_batch(5), steps_for(5)
    network[0].weight.requires_grad_(False)
    network.register_parameter("unused", nn.Parameter(torch.ones(1, dtype=torch.float64)))
    weights = weights_of(network)
    *_, trained = trained_weights(network, weights, steps)
    changed = {name for name, value in trained.items() if not torch.equal(value, weights[name])}
    assert changed == {"0.bias", "3.weight", "3.bias"}
    _, gradients = unrolled_gradients(network, weights, steps, *batch, segment=segment)
    error = relative_error(
        network, steps, gradients, "step_sizes", batch, indices=[0, 1, 2], epsilon=1e-5
    )
    assert error < 1e-7
