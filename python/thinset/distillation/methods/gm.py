"""Gradient matching, with or without siamese augmentation; see gm.md."""

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
from thinset.files.decoding import (  # noqa: TC001 - decode looks them up
    AboveZero,
    Count,
    Positive,
)

if TYPE_CHECKING:
    import torch

    from thinset.data import Dataset
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.training.learners.learner import Learner

PUBLISHED = ((1, 1, 1), (10, 10, 50), (20, 20, 25), (30, 30, 20), (40, 40, 15), (50, 50, 10))
"""Images of a class, n_inner and network_epochs, as published with the method"""
_N_NETWORKS = 1000

order = balanced_order


@dataclass(frozen=True)
class Settings(MatchingSettings):
    """The published settings; see GradientMatchingLearner.

    length: "auto" for 1,000 networks. augmentation: "none" for the method of the first paper.
    n_inner: steps of matching with one network; network_epochs: of its training on the images after
    each step but the last; "auto" takes those in PUBLISHED of the nearest number of images of a
    class that is not larger. network_rate, network_batch: of this training.
    """

    method: Literal["gm"] = "gm"
    learning_rate: AboveZero = 0.1
    n_inner: Positive | Literal["auto"] = "auto"
    network_epochs: Count | Literal["auto"] = "auto"
    network_rate: AboveZero = 0.01
    network_batch: Positive = 256


def resolved(settings: Settings, data: Dataset, images_per_class: int) -> Settings:
    """The settings with every "auto" replaced by what it stands for."""
    _, n_inner, n_epochs = max(row for row in PUBLISHED if row[0] <= max(images_per_class, 1))
    n_inner = n_inner if settings.n_inner == "auto" else settings.n_inner
    return dataclasses.replace(
        settings,
        length=f"{_N_NETWORKS * n_inner}st" if settings.length == "auto" else settings.length,
        augmentation=resolved_augmentation(
            settings.augmentation, is_colour=data.image_shape[2] == 3
        ),
        n_inner=n_inner,
        network_epochs=n_epochs if settings.network_epochs == "auto" else settings.network_epochs,
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
    from thinset.distillation.gradient_matching import GradientMatchingLearner
    from thinset.distillation.short_training import ShortTraining

    assert settings.n_inner != "auto"
    assert settings.network_epochs != "auto"
    return GradientMatchingLearner(
        synthetic,
        networks,
        n_inner=settings.n_inner,
        n_epochs=settings.network_epochs,
        learning_rate=settings.network_rate,
        batch_size=settings.network_batch,
        augmentation=siamese(settings.augmentation),
        momentum=settings.momentum,
        scoring=ShortTraining(settings.n_scored, settings.score_steps),
        seed=seed,
        device=device,
        precision=precision,
    )
