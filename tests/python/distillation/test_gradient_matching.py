from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from thinset.data.batches import Batch
from thinset.distillation.gradient_matching import GradientMatchingLearner, gradient_distance
from thinset.distillation.networks import NetworkKind
from thinset.distillation.short_training import ShortTraining
from thinset.distillation.synthetic_set import SyntheticSet
from thinset.transforms.siamese import SiameseAugmentation

if TYPE_CHECKING:
    from collections.abc import Sequence

KIND = NetworkKind("convnet", 0.05, (8, 8, 1), 2, (0.4,), (0.3,))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def synthetic_set(n: int = 4) -> SyntheticSet:
    images = torch.randn(n, 1, 8, 8, generator=seeded(1))
    return SyntheticSet(images, torch.arange(n) % 2, n_classes=2, mean=(0.4,), deviation=(0.3,))


def real_batch(n_each: int = 5, seed: int = 2) -> Batch:
    labels = torch.arange(2 * n_each) % 2
    images = torch.randint(0, 256, (2 * n_each, 1, 8, 8), generator=seeded(seed))
    return Batch(images.to(torch.uint8), labels, torch.arange(2 * n_each), None)


def learner_of(synthetic: SyntheticSet, **options) -> GradientMatchingLearner:
    defaults = {
        "n_inner": 3, "n_epochs": 2, "learning_rate": 0.1, "batch_size": 3, "augmentation": None,
        "momentum": 0.5, "scoring": ShortTraining(), "device": "cpu", "precision": "float32",
    }  # fmt: skip
    return GradientMatchingLearner(synthetic, KIND, **{**defaults, **options})


def distance_of_one_layer(a: torch.Tensor, b: torch.Tensor) -> float:
    """One output node after the other, in plain numbers."""
    total = 0.0
    for one, other in zip(a, b, strict=True):
        pairs = zip(one.flatten().tolist(), other.flatten().tolist(), strict=True)
        dot = sum(x * y for x, y in pairs)
        total += 1 - dot / (float(one.norm()) * float(other.norm()) + 1e-6)
    return total


def test_the_distance_is_one_less_the_cosine_of_each_output_node() -> None:
    shapes = [(4, 3, 3, 2), (5, 7)]
    a, b = ([torch.randn(*shape, generator=seeded(seed)) for shape in shapes] for seed in (0, 1))
    expected = sum(distance_of_one_layer(x, y) for x, y in zip(a, b, strict=True))
    assert float(gradient_distance(a, b)) == pytest.approx(expected, rel=1e-5)
    assert float(gradient_distance(a, [3 * x for x in a])) == pytest.approx(0, abs=1e-4)
    assert float(gradient_distance(a, [-x for x in a])) == pytest.approx(2 * 9, rel=1e-4)


def test_gradients_of_zero_give_finite_distances_and_slopes() -> None:
    zero = torch.zeros(2, 3, requires_grad=True)
    distance = gradient_distance([zero], [torch.zeros(2, 3)])
    distance.backward()
    assert float(distance.detach()) == 2
    assert zero.grad is not None
    assert bool(zero.grad.isfinite().all())


def plain_distance(
    network: nn.Module, own: torch.Tensor, real: torch.Tensor, label: int
) -> torch.Tensor:
    """Of images in [0, 1] of one class; differentiable."""
    weights = [p for p in network.parameters() if p.ndim > 1]

    def gradients(images: torch.Tensor) -> Sequence[torch.Tensor]:
        labels = torch.full((len(images),), label)
        return torch.autograd.grad(
            F.cross_entropy(network(images), labels), weights, create_graph=True
        )

    return gradient_distance(gradients(own), [g.detach() for g in gradients(real)])


def test_the_slope_of_the_distance_agrees_with_central_differences() -> None:
    network = KIND.new(seeded()).double()
    own = torch.rand(2, 1, 8, 8, generator=seeded(1), dtype=torch.float64).requires_grad_()
    real = torch.rand(5, 1, 8, 8, generator=seeded(2), dtype=torch.float64)
    (slope,) = torch.autograd.grad(plain_distance(network, own, real, 1), own)
    for place in ((0, 0, 2, 3), (1, 0, 5, 5), (1, 0, 0, 7)):
        ends = []
        for step in (1e-6, -1e-6):
            moved = own.detach().clone()
            moved[place] += step
            ends.append(float(plain_distance(network, moved, real, 1).detach()))
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(float(slope[place]), rel=1e-5)


def test_a_step_descends_on_the_distance_of_each_class() -> None:
    synthetic = synthetic_set()
    learner = learner_of(synthetic, momentum=0.0, n_inner=1)
    before = synthetic.images.detach().clone()
    batch = real_batch()
    distances = learner.step(batch, learning_rate=0.25, n_before=0)
    network = learner._network
    for label in (0, 1):
        own = before[label::2].clone().requires_grad_()
        real = batch.images[batch.labels == label].float() / 255
        distance = plain_distance(network, synthetic.pixels(own), real, label)
        (slope,) = torch.autograd.grad(distance, own)
        torch.testing.assert_close(
            synthetic.images.detach()[label::2], before[label::2] - 0.25 * slope,
            atol=1e-5, rtol=1e-3,
        )  # fmt: skip
        assert float(slope.abs().max()) > 0
        assert distances[batch.labels == label].tolist() == pytest.approx(
            [float(distance.detach())] * 5, rel=1e-3
        )
    assert learner.take_loss_sum() == pytest.approx(float(distances.mean()), rel=1e-6)
    assert learner.take_loss_sum() == 0


def test_a_network_is_trained_between_its_steps_and_then_replaced() -> None:
    learner = learner_of(synthetic_set(), n_inner=3, n_epochs=1)
    initial = copy.deepcopy(learner._network.state_dict())
    weights = []
    for number in range(7):
        learner.step(real_batch(seed=number), learning_rate=0.1, n_before=number)
        weights.append(learner._network.head.weight.detach().clone())
    assert not torch.equal(weights[0], initial["head.weight"])  # the first step draws
    changes = [not torch.equal(a, b) for a, b in itertools.pairwise(weights)]
    # After the third step no training follows, and the fourth draws a new network.
    assert changes == [True, False, True, True, False, True]


def test_without_epochs_a_network_stays_as_it_was_drawn() -> None:
    learner = learner_of(synthetic_set(), n_inner=3, n_epochs=0)
    weights = []
    for number in range(4):
        learner.step(real_batch(seed=number), learning_rate=0.1, n_before=number)
        weights.append(learner._network.head.weight.detach().clone())
    assert torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[2], weights[3])


@pytest.mark.parametrize("augmentation", [None, SiameseAugmentation()])
def test_the_distance_to_the_same_network_falls(augmentation) -> None:
    learner = learner_of(
        synthetic_set(), n_inner=1000, n_epochs=0, augmentation=augmentation, seed=1
    )
    batch = real_batch()
    means = []
    for _ in range(6):
        for number in range(10):
            learner.step(batch, learning_rate=0.03, n_before=number)
        means.append(learner.take_loss_sum() / 10)
    assert means[-1] < 0.8 * means[0]
