"""Distribution matching; see dm.md."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from thinset.distillation.matching_settings import (
    balanced_order,
    resolved_augmentation,
    siamese,
)
from thinset.files.decoding import (  # noqa: TC001 - decode looks them up
    AboveZero,
    Count,
    Positive,
    Share,
)

if TYPE_CHECKING:
    import torch

    from thinset.data import Dataset
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.training.learners.learner import Learner

order = balanced_order


@dataclass(frozen=True)
class Settings:
    """The published settings for up to 50 images per class; see DistributionMatchingLearner.

    batch_size: real images of each class in a step. learning_rate, momentum: of the images' plain
    gradient descent; published is a rate of 10 for 100 images per class and more. augmentation: the
    strategy of SiameseAugmentation; "auto" for all of it, without flips for grey images; "none" for
    none. n_scored, score_steps: how many networks score the images on validation data, and the
    length of the training of each; see ShortTraining.
    """

    learns_labels: ClassVar[bool] = False
    n_steps: ClassVar[int] = 1
    n_epochs: ClassVar[int] = 0
    step_size: ClassVar[float] = 0.02

    method: Literal["dm"] = "dm"
    network: str = "convnet"
    width: AboveZero = 1.0
    batch_size: Positive = 256
    learning_rate: AboveZero = 1.0
    momentum: Share = 0.5
    length: str = "20000st"
    augmentation: str = "auto"
    n_scored: Count = 1
    score_steps: Positive = 100

    def __post_init__(self) -> None:
        resolved_augmentation(self.augmentation, is_colour=True)


def resolved(settings: Settings, data: Dataset, images_per_class: int) -> Settings:  # noqa: ARG001
    """The settings with every "auto" replaced by what it stands for."""
    is_colour = data.image_shape[2] == 3
    return dataclasses.replace(
        settings,
        augmentation=resolved_augmentation(settings.augmentation, is_colour=is_colour),
    )


def learner(
    synthetic: SyntheticSet,
    networks: NetworkKind,
    settings: Settings,
    *,
    seed: int,
    device: torch.device | str,
    precision: str,
) -> Learner:
    """The learner of the images; `settings` are resolved."""
    from thinset.distillation.distribution_matching import DistributionMatchingLearner
    from thinset.distillation.short_training import ShortTraining

    return DistributionMatchingLearner(
        synthetic,
        networks,
        augmentation=siamese(settings.augmentation),
        momentum=settings.momentum,
        scoring=ShortTraining(settings.n_scored, settings.score_steps),
        seed=seed,
        device=device,
        precision=precision,
    )
