from __future__ import annotations

import pytest
import torch
from torch import nn

from thinset.data.batches import Batch
from thinset.distillation.distribution_matching import DistributionMatchingLearner
from thinset.distillation.networks import NetworkKind
from thinset.distillation.short_training import ShortTraining
from thinset.distillation.synthetic_set import SyntheticSet
from thinset.transforms.siamese import SiameseAugmentation

KIND = NetworkKind("convnet", 0.05, (8, 8, 1), 3, (0.4,), (0.3,))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def synthetic_set(n: int = 5) -> SyntheticSet:
    """Two images of the classes 0 and 1, one of class 2."""
    images = torch.randn(n, 1, 8, 8, generator=seeded(1))
    return SyntheticSet(images, torch.arange(n) % 3, n_classes=3, mean=(0.4,), deviation=(0.3,))


def real_batch(n_each: int = 4) -> Batch:
    labels = torch.arange(3 * n_each) % 3
    images = torch.rand(3 * n_each, 1, 8, 8, generator=seeded(2))
    return Batch(images, labels, torch.arange(3 * n_each), None)


def learner_of(synthetic: SyntheticSet, kind: NetworkKind = KIND, **options):
    defaults = {
        "augmentation": None, "momentum": 0.5, "scoring": ShortTraining(), "device": "cpu",
        "precision": "float32",
    }  # fmt: skip
    return DistributionMatchingLearner(synthetic, kind, **{**defaults, **options})


def test_a_step_descends_on_the_squared_distances_of_class_means() -> None:
    synthetic = synthetic_set()
    learner = learner_of(synthetic, momentum=0.0)
    before = synthetic.images.detach().clone()
    # The network of the first step.
    network = KIND.new(torch.Generator().set_state(learner._weights_generator.get_state()))
    batch = real_batch()
    distances = learner.step(batch, learning_rate=0.5, n_before=0)
    own = before.clone().requires_grad_()
    total = torch.zeros(())
    for label in range(3):
        mine = network.hidden(own[synthetic.labels == label] * 0.3 + 0.4).mean(dim=0)
        theirs = network.hidden(batch.images[batch.labels == label]).mean(dim=0)
        distance = ((mine - theirs) ** 2).sum()
        assert distances[batch.labels == label].tolist() == pytest.approx(
            [float(distance.detach())] * 4, rel=1e-4
        )
        total = total + distance
    (slope,) = torch.autograd.grad(total, own)
    torch.testing.assert_close(
        synthetic.images.detach(), before - 0.5 * slope, atol=1e-6, rtol=1e-4
    )
    assert bool((slope.abs().amax(dim=(1, 2, 3)) > 0).all())


def test_every_step_draws_a_network_and_an_augmentation_of_its_own() -> None:
    learner = learner_of(synthetic_set(), augmentation=SiameseAugmentation())
    states = set()
    for number in range(4):
        learner.step(real_batch(), learning_rate=0.0, n_before=number)
        tensors = learner.tensors()
        states.add(
            tuple(
                int(tensors[name].double().sum())
                for name in ("weights_generator", "augmentation_generator")
            )
        )
    assert len(states) == 4
    assert bool((learner.step(real_batch(), learning_rate=0.0, n_before=4) > 0).all())


@pytest.mark.parametrize("augmentation", [None, SiameseAugmentation()])
def test_the_distance_falls(augmentation) -> None:
    learner = learner_of(synthetic_set(), augmentation=augmentation)
    means = []
    for _ in range(5):
        for number in range(10):
            learner.step(real_batch(), learning_rate=2.0, n_before=number)
        means.append(learner.take_loss_sum() / 10)
    assert means[-1] < 0.5 * means[0]


class WithoutFeatures(nn.Module):
    def __init__(self, image_shape: tuple[int, int, int], n_classes: int) -> None:
        super().__init__()
        height, width, channels = image_shape
        self.head = nn.Linear(height * width * channels, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(images.flatten(1))
        return logits


def test_a_network_without_features_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(NetworkKind, "new", lambda *_: WithoutFeatures((8, 8, 1), 3))
    with pytest.raises(ValueError, match="needs a network with a method `hidden`.*convnet has"):
        learner_of(synthetic_set())
