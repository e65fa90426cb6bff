"""Ordinary training of new networks on a small set, with a learning rate chosen for that set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from thinset.data.batches import ordered_batches
from thinset.distillation.network_scores import NetworkScores, accuracy_after, unchanged
from thinset.losses import classification
from thinset.training.learners.fit import fit
from thinset.training.learners.supervised import SupervisedLearner
from thinset.training.loop.rates import OneCycleRate, StepRate
from thinset.training.phases import Phase
from thinset.training.precision import resolve_device
from thinset.training.randomness import generator_for
from thinset.transforms.differentiable import DifferentiableAugmentation
from thinset.transforms.images import to_unit_range
from thinset.transforms.training import random_flip

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from torch import nn

    from thinset.data.batches import ImageArrays, ImageRows
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.set_training import SetTraining
    from thinset.distillation.small_set import SmallSet
    from thinset.duration import Duration
    from thinset.training.learners.supervised import RandomTransform


MOST_FURTHER_RATES = 3
"""Learning rates that are tried beyond the given ones at most"""


def transform_of(training: SetTraining, *, is_augmented: bool) -> RandomTransform:
    """The transform of training images; nothing may be "auto" any more."""
    return _Augmentation(training.strategy, training.flips is True) if is_augmented else unchanged


@dataclass(frozen=True)
class _Augmentation:
    strategy: str
    flips: bool

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        images = to_unit_range(images)
        if self.flips:
            images = random_flip(images, generator)
        augmentation = DifferentiableAugmentation(self.strategy)
        return augmentation.apply(
            images, augmentation.draw(len(images), generator).to(images.device)
        )


@dataclass(frozen=True)
class ChosenRate:
    """A learning rate, and all rates that were tried with their mean validation accuracies, 0..1.

    is_edge: the rate is still the lowest or the highest of several.
    """

    learning_rate: float
    tried: tuple[tuple[float, float], ...]
    is_edge: bool


def choose_rate(
    small: SmallSet,
    networks: NetworkKind,
    training: SetTraining,
    *,
    is_augmented: bool,
    validation_data: ImageRows,
    seed: int,
    n_networks: int,
    device: torch.device | str = "auto",
) -> ChosenRate:
    """Train `n_networks` with each learning rate, and keep the rate with the best mean accuracy.

    They start from the same weights with each rate. Several find rates with which only some
    networks learn. Of equal accuracies, the lowest rate wins. A training that diverges counts as
    guessing. If the lowest or the highest rate wins, up to MOST_FURTHER_RATES
    beyond it are tried, each further by the ratio of the last two.
    """

    def accuracy(rate: float) -> float:
        return scores_of(
            small,
            networks,
            training,
            learning_rate=rate,
            is_augmented=is_augmented,
            n_networks=n_networks,
            scored_on=validation_data,
            seed=seed,
            device=device,
        ).mean

    tried = {rate: accuracy(rate) for rate in training.learning_rates}
    for _ in range(MOST_FURTHER_RATES):
        rates = sorted(tried)
        best = _most_accurate(tried)
        if len(rates) == 1 or best not in (rates[0], rates[-1]):
            break
        if best == rates[0]:
            further = rates[0] * rates[0] / rates[1]
        else:
            further = rates[-1] * rates[-1] / rates[-2]
        further = float(f"{further:.3g}")
        tried[further] = accuracy(further)
    best, rates = _most_accurate(tried), sorted(tried)
    is_edge = len(rates) > 1 and best in (rates[0], rates[-1])
    return ChosenRate(best, tuple((rate, tried[rate]) for rate in rates), is_edge)


def _most_accurate(tried: Mapping[float, float]) -> float:
    return max(sorted(tried), key=lambda rate: tried[rate])


def scores_of(
    small: SmallSet,
    networks: NetworkKind,
    training: SetTraining,
    *,
    learning_rate: float,
    is_augmented: bool,
    n_networks: int,
    scored_on: ImageRows,
    seed: int,
    device: torch.device | str = "auto",
) -> NetworkScores:
    """Train `n_networks` new networks on `small` and score each once, after its last step.

    Initial weights depend on `seed` alone: different sets are compared from the same weights.
    """
    generator = generator_for(seed, "evaluated networks")
    phase = Phase(
        "training",
        small,
        training.length,
        StepRate(learning_rate, at=(0.5,)),
    )
    accuracies = []
    for _ in range(n_networks):
        network = networks.new(generator)
        own_seed = int(torch.randint(2**31, (), generator=generator))
        learner = SupervisedLearner(
            network,
            loss=classification,
            train_transform=transform_of(training, is_augmented=is_augmented),
            test_transform=to_unit_range,
            momentum=training.momentum,
            weight_decay=training.weight_decay,
            ema_decay=None,
            seed=own_seed,
            device=device,
            precision="float32",
        )
        batch_size = min(training.batch_size, len(small))
        accuracies.append(
            accuracy_after(learner, phase, scored_on, batch_size=batch_size, seed=own_seed)
        )
    return NetworkScores.of(accuracies, networks.n_classes)


def train_teacher(
    data: ImageRows,
    networks: NetworkKind,
    training: SetTraining,
    *,
    length: Duration,
    learning_rate: float,
    validation_data: ImageRows,
    seed: int,
    device: torch.device | str = "auto",
    show_progress: bool = False,
) -> tuple[nn.Module, float]:
    """Train a network on real data, augmented, by one cycle of the learning rate.

    Returns it with its accuracy, 0..1, on validation data. Its predictions are soft labels of the
    kind that distilled sets have.
    """
    network = networks.new(generator_for(seed, "teacher weights"))
    history = fit(
        network,
        [Phase("teacher", data, length, OneCycleRate(learning_rate))],
        loss=classification,
        train_transform=transform_of(training, is_augmented=True),
        test_data=validation_data,
        test_transform=to_unit_range,
        batch_size=training.batch_size,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        ema_decay=None,
        seed=seed,
        device=device,
        precision="float32",
        evaluations=1,
        show_progress=show_progress,
        label="teacher",
    )
    return network, history.final.scores["accuracy"]


@torch.no_grad()
def predictions(
    network: nn.Module, images: ImageArrays, *, device: torch.device | str = "auto"
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The probabilities (M, K) that `network` gives to the classes of each image."""
    device = resolve_device(device)
    network = network.to(device).eval()
    parts = [
        network(to_unit_range(batch)).float().softmax(dim=1).cpu()
        for batch, _ in ordered_batches(images, device=device, batch_size=1024)
    ]
    return torch.cat(parts).numpy()
