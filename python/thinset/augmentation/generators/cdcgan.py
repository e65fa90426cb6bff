"""The conditional DCGAN of "Neural data augmentation", section 2.4.1; see cdcgan.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from thinset.augmentation.generators import require_batch, require_quarterable, require_sizes
from thinset.files.decoding import AboveZero, Positive, Share  # noqa: TC001 - decode looks them up

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn

    from thinset.models.generators import ImageGenerator
    from thinset.training.learners.generative import GenerativeLearner, Observer
    from thinset.training.learners.image_term import WeightedTerm


@dataclass(frozen=True)
class Settings:
    """The paper's settings; see Decoder, Discriminator and AdversarialLearner.

    learning_rate: of the discriminator. batch_size: images per step. differentiable: policy of the
    augmentation of everything that the discriminator sees, such as "color,translation,cutout"; None
    for none. penalty: factor of the gradient penalty; None takes 10 for wasserstein and 0 for other
    losses. Without batch norm in the discriminator if the penalty is above 0.
    """

    model: Literal["cdcgan"] = "cdcgan"
    batch_size: Positive = 64
    learning_rate: AboveZero = 2e-4
    generator_rate: AboveZero = 5.0
    latent_size: Positive | None = None
    loss: Literal["non_saturating", "hinge", "wasserstein"] = "non_saturating"
    penalty: float | None = None
    spectral_norm: bool = False
    differentiable: str | None = None
    matches_features: bool = False
    n_discriminator: Positive = 1
    amsgrad: bool = False
    ema_decay: Share | None = None

    def __post_init__(self) -> None:
        require_batch(self.batch_size)
        require_sizes(self, "latent_size")
        if not 0 <= self.resolved_penalty < float("inf"):
            raise ValueError(f"penalty must be finite and at least 0, got {self.penalty}")
        if self.differentiable is not None:
            from thinset.transforms.differentiable import require_operations

            require_operations("differentiable", self.differentiable)

    @property
    def resolved_penalty(self) -> float:
        """The factor of the gradient penalty."""
        if self.penalty is not None:
            return self.penalty
        return 10.0 if self.loss == "wasserstein" else 0.0


def require_image_shape(settings: Settings, image_shape: tuple[int, int, int]) -> None:  # noqa: ARG001
    """Raise ValueError unless the networks can be built for images of this shape."""
    require_quarterable(image_shape)


def smallest_shape(settings: Settings) -> tuple[int, int, int]:  # noqa: ARG001
    """The smallest images that the networks can be built for."""
    return 4, 4, 1


def networks(
    settings: Settings,
    image_shape: tuple[int, int, int],
    n_classes: int,
    generator: torch.Generator,
) -> dict[str, nn.Module]:
    """The generator and the discriminator, with weights drawn from `generator`."""
    from thinset.models.generators import Decoder, Discriminator

    return {
        "generator": Decoder(
            image_shape,
            n_classes,
            latent_size=settings.latent_size,
            prior="uniform",
            generator=generator,
        ),
        "discriminator": Discriminator(
            image_shape,
            n_classes,
            batch_norm=settings.resolved_penalty == 0,
            spectral_norm=settings.spectral_norm,
            generator=generator,
        ),
    }


def learner(
    networks: Mapping[str, nn.Module],
    settings: Settings,
    *,
    seed: int,
    device: torch.device | str,
    precision: str,
    observe: Observer | None,
    term: WeightedTerm | None = None,
) -> GenerativeLearner:
    """The learner of both networks; `term`: see AdversarialLearner."""
    from thinset.training.learners.adversarial import AdversarialLearner
    from thinset.transforms.differentiable import augmentation_by

    return AdversarialLearner(
        cast("ImageGenerator", networks["generator"]),
        networks["discriminator"],
        loss=settings.loss,
        penalty=settings.resolved_penalty,
        matches_features=settings.matches_features,
        n_discriminator=settings.n_discriminator,
        generator_rate=settings.generator_rate,
        amsgrad=settings.amsgrad,
        augmentation=augmentation_by(settings.differentiable),
        term=term,
        ema_decay=settings.ema_decay,
        seed=seed,
        device=device,
        precision=precision,
        observe=observe,
    )
