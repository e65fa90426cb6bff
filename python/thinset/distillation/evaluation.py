"""Ordinary training of new networks on a small set, with a learning rate chosen for that set."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

from thinset.data.batches import ordered_batches
from thinset.distillation.network_scores import NetworkScores, accuracy_after, unchanged
from thinset.duration import Duration
from thinset.files.decoding import AboveZero, Positive, Share  # noqa: TC001 - decode looks them up
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
    from thinset.training.learners.supervised import RandomTransform


MOST_FURTHER_RATES = 3
"""Learning rates that are tried beyond the given ones at most"""


@dataclass(frozen=True)
class SmallSet:
    """Images (M, H, W, C), uint8 or float32 in about [0, 1], and labels (M,) int64, in memory.

    soft_labels: (M, K) float32; None to train on the labels. It has no stored steps: training on it
    is ordinary.
    """

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, np.dtype[np.int64]]
    soft_labels: np.ndarray[Any, np.dtype[np.float32]] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def with_hard_labels(self) -> SmallSet:
        """The same without soft labels."""
        return dataclasses.replace(self, soft_labels=None)


@dataclass(frozen=True)
class SetTraining:
    """How networks are trained on a small set, the same for all sets.

    length: of each training; epochs are those of the audited set. batch_size: samples in a step, at
    most all. learning_rates: what one is chosen from, once for each set, kind of labels,
    augmentation and network; see choose_rate. It is divided by ten after half of the steps, as
    usual for distilled sets (Zhao, Mopuri, Bilen, "Dataset Condensation with Gradient Matching",
    2021). strategy, flips: the random transforms, where there are any: see
    DifferentiableAugmentation and random_flip; "auto" takes colours and flips for colour images
    only.
    """

    length: Duration = Duration(1000, "st")
    batch_size: Positive = 256
    learning_rates: tuple[AboveZero, ...] = (0.003, 0.01, 0.03, 0.1)
    momentum: Share = 0.9
    weight_decay: float = 5e-4
    strategy: str = "auto"
    flips: bool | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if list(self.learning_rates) != sorted(set(self.learning_rates)):
            raise ValueError(
                f"learning_rates must be distinct and ascending, got {self.learning_rates}"
            )
        if not self.learning_rates:
            raise ValueError("learning_rates must have at least one value")
        if self.length.is_time or self.length.amount == 0:
            raise ValueError(
                f"length must be in steps, epochs or samples, and more than 0; got {self.length}"
            )
        if self.strategy != "auto":
            DifferentiableAugmentation(self.strategy)

    def resolved_for(self, image_shape: tuple[int, int, int], n_images: int) -> SetTraining:
        """Resolve every "auto" by (height, width, channels), and the length by a set of n_images.

        The length then is in steps, which are equally many for all sets.
        """
        is_colour = image_shape[2] == 3
        automatic = "color,translation,cutout" if is_colour else "translation,cutout"
        return dataclasses.replace(
            self,
            strategy=automatic if self.strategy == "auto" else self.strategy,
            flips=is_colour if self.flips == "auto" else self.flips,
            length=Duration(self.length.n_steps(n_images, min(self.batch_size, n_images)), "st"),
        )

    def transform(self, *, is_augmented: bool) -> RandomTransform:
        """The transform of training images; nothing may be "auto" any more."""
        return _Augmentation(self.strategy, self.flips is True) if is_augmented else unchanged


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
    """A learning rate, and all rates that were tried with their validation accuracies, 0..1.

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
    device: torch.device | str = "auto",
) -> ChosenRate:
    """Train one network with each learning rate, and keep the rate of the most accurate.

    All start from the same weights. Of equal accuracies, the lowest rate wins. A training that
    diverges counts as guessing. If the lowest or the highest rate wins, up to MOST_FURTHER_RATES
    beyond it are tried, each further by the ratio of the last two.
    """

    def accuracy(rate: float) -> float:
        return scores_of(
            small,
            networks,
            training,
            learning_rate=rate,
            is_augmented=is_augmented,
            n_networks=1,
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
            train_transform=training.transform(is_augmented=is_augmented),
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
        train_transform=training.transform(is_augmented=True),
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
