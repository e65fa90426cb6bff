"""Distribution matching; see dm.md."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from thinset.distillation.matching_settings import (
    MatchingSettings,
    balanced_order,
    resolved_augmentation,
    siamese,
)

if TYPE_CHECKING:
    import torch

    from thinset.data import Dataset
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.training.learners.learner import Learner

order = balanced_order


@dataclass(frozen=True)
class Settings(MatchingSettings):
    """The published settings for up to 50 images per class; see DistributionMatchingLearner.

    For 100 images per class and more, a learning_rate of 10 is published.
    """

    method: Literal["dm"] = "dm"
    length: str = "20000st"


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
