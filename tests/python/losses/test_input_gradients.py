from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from thinset.losses.input_gradients import (
    gradient_difference,
    gradient_magnitude,
    input_gradients,
    norms,
    weight_gradients,
)
from thinset.models.classifiers import CLASSIFIERS

LABELS = torch.tensor([0, 2, 1, 2])


def smooth(seed: int = 0) -> nn.Module:
    """A network in float64 that is smooth in its images and weights, with batch norm."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(2, 5, 3, padding=1), nn.BatchNorm2d(5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(20, 3),
    )  # fmt: skip
    return network.double().eval()


def images(seed: int) -> torch.Tensor:
    return torch.rand(
        (4, 2, 4, 4), dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def central_differences(function, point: torch.Tensor, step: float = 1e-6) -> torch.Tensor:
    """The derivative of a sum of `function` at `point`, entry by entry."""
    found = torch.zeros_like(point)
    for index in range(point.numel()):
        shift = torch.zeros_like(point)
        shift.view(-1)[index] = step
        found.view(-1)[index] = (function(point + shift).sum() - function(point - shift).sum()) / (
            2 * step
        )
    return found


def test_input_gradients_are_those_of_each_image() -> None:
    network, points = smooth(), images(1)
    found = input_gradients(network, points, LABELS)
    expected = central_differences(
        lambda x: F.cross_entropy(network(x), LABELS, reduction="none"), points
    )
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
    assert not found.requires_grad
    alone = input_gradients(network, points[1:2], LABELS[1:2])
    torch.testing.assert_close(found[1:2], alone)
    assert all(weight.grad is None for weight in network.parameters())


def test_weight_gradients_are_those_of_the_batch() -> None:
    network, points = smooth(), images(1)
    found = weight_gradients(network, points, LABELS)
    F.cross_entropy(network(points), LABELS).backward()
    for gradient, weight in zip(found, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, weight.grad)


@pytest.mark.parametrize("of", ["inputs", "weights"])
@pytest.mark.parametrize("kind", ["difference", "magnitude"])
def test_norms_are_differentiable_in_the_generated_images(of: str, kind: str) -> None:
    network, real, generated = smooth(), images(1), images(2)

    def value(points: torch.Tensor) -> torch.Tensor:
        if kind == "difference":
            return gradient_difference(network, points, real, LABELS, of=of)
        return gradient_magnitude(network, points, LABELS, of=of)

    points = generated.clone().requires_grad_()
    values = value(points)
    assert values.shape == (4,)
    (found,) = torch.autograd.grad(values.sum(), points)
    expected = central_differences(value, generated)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)
    # The same numbers without a graph.
    plain = value(generated)
    assert not plain.requires_grad
    torch.testing.assert_close(plain, values.detach())
    assert all(weight.grad is None for weight in network.parameters())


def test_values_are_those_of_the_equations() -> None:
    network, real, generated = smooth(), images(1), images(2)
    wanted, found = (input_gradients(network, x, LABELS) for x in (real, generated))
    torch.testing.assert_close(
        gradient_difference(network, generated, real, LABELS),
        torch.stack([(w - f).norm() for w, f in zip(wanted, found, strict=True)]),
    )
    torch.testing.assert_close(
        gradient_magnitude(network, generated, LABELS), torch.stack([f.norm() for f in found])
    )
    parts = zip(
        weight_gradients(network, real, LABELS), weight_gradients(network, generated, LABELS),
        strict=True,
    )  # fmt: skip
    distance = sum((w - f).square().sum() for w, f in parts) ** 0.5
    torch.testing.assert_close(
        gradient_difference(network, generated, real, LABELS, of="weights"), distance.expand(4)
    )


@pytest.mark.parametrize("of", ["inputs", "weights"])
def test_equal_images_have_no_distance_and_no_gradient(of: str) -> None:
    network, points = smooth(), images(1).requires_grad_()
    distances = gradient_difference(network, points, points, LABELS, of=of)
    assert distances.tolist() == [0.0] * 4
    (found,) = torch.autograd.grad(distances.sum(), points)
    assert found.count_nonzero() == 0


def test_a_gradient_of_zero_has_a_finite_length_and_slope() -> None:
    values = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    lengths = norms(values)
    assert lengths.tolist() == [0.0, 5.0]
    (slopes,) = torch.autograd.grad(lengths.sum(), values, create_graph=True)
    torch.testing.assert_close(slopes, torch.tensor([[0.0, 0.0], [0.6, 0.8]]))
    (curvatures,) = torch.autograd.grad(slopes.sum(), values)
    assert curvatures.isfinite().all()


def test_soft_labels_of_one_class_are_that_class() -> None:
    network, points = smooth(), images(1)
    soft = F.one_hot(LABELS, 3).double()
    torch.testing.assert_close(
        input_gradients(network, points, soft), input_gradients(network, points, LABELS)
    )


@pytest.mark.parametrize("name", ["resnet", "convnet"])
def test_classifiers_can_be_differentiated_twice_within_autocast(name: str) -> None:
    network = CLASSIFIERS[name]((8, 8, 1), 3, width=0.1, generator=torch.Generator()).eval()
    real = torch.rand(4, 1, 8, 8)
    points = torch.rand(4, 1, 8, 8, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = gradient_difference(network, points, real, LABELS)
    assert within.dtype == torch.float32
    torch.testing.assert_close(within, gradient_difference(network, points, real, LABELS))
    (found,) = torch.autograd.grad(within.sum(), points)
    assert found.isfinite().all()
    assert found.count_nonzero() > 0
