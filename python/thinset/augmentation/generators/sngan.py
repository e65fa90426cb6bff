"""The class-conditional SNGAN with projection discriminator; see sngan.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from thinset.augmentation.generators import require_batch, require_sizes
from thinset.files.decoding import (  # noqa: TC001 - decode looks them up
    AboveZero,
    Count,
    Positive,
    Share,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn

    from thinset.models.generators import ImageGenerator
    from thinset.training.learners.generative import GenerativeLearner, Observer
    from thinset.training.learners.image_term import WeightedTerm
    from thinset.training.loop.rates import LinearRate


@dataclass(frozen=True)
class Settings:
    """The published settings; see ResidualGenerator, ProjectionDiscriminator, AdversarialLearner.

    learning_rate: of both networks at the start; it falls linearly to 0. betas: of Adam.
    n_discriminator: steps of the discriminator for each of the generator. differentiable: policy of
    the augmentation of everything that the discriminator sees, such as "color,translation,cutout";
    None for none. bottom_width, padding: see padded_square.
    """

    model: Literal["sngan"] = "sngan"
    batch_size: Positive = 64
    learning_rate: AboveZero = 2e-4
    betas: tuple[Share, Share] = (0.0, 0.9)
    n_discriminator: Positive = 5
    loss: Literal["non_saturating", "hinge", "wasserstein"] = "hinge"
    latent_size: Positive = 128
    generator_channels: Positive = 256
    discriminator_channels: Positive = 128
    bottom_width: Positive = 4
    padding: Count | Literal["auto"] = "auto"
    shortcuts: Literal["reference", "all"] = "reference"
    output_norm: Literal["plain", "conditional"] = "plain"
    differentiable: str | None = None
    ema_decay: Share | None = None

    def __post_init__(self) -> None:
        require_batch(self.batch_size)
        sizes = ("latent_size", "generator_channels", "discriminator_channels", "bottom_width")
        require_sizes(self, *sizes, "padding")
        if any(not 0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be at least 0 and less than 1, got {self.betas}")
        if self.differentiable is not None:
            from thinset.transforms.differentiable import require_operations

            require_operations("differentiable", self.differentiable)

    @property
    def rate(self) -> LinearRate:
        """The learning rate over the training."""
        from thinset.training.loop.rates import LinearRate

        return LinearRate(self.learning_rate, 0.0)


def require_image_shape(settings: Settings, image_shape: tuple[int, int, int]) -> None:
    """Raise ValueError unless the networks can be built for images of this shape."""
    from thinset.models.generators.padded_square import padded_square

    padded_square(image_shape, settings.bottom_width, settings.padding)


def smallest_shape(settings: Settings) -> tuple[int, int, int]:
    """The smallest images that the networks can be built for."""
    padding = 0 if settings.padding == "auto" else settings.padding
    side = 2 * settings.bottom_width
    while side <= padding:
        side *= 2
    return side - padding, side - padding, 1


def networks(
    settings: Settings,
    image_shape: tuple[int, int, int],
    n_classes: int,
    generator: torch.Generator,
) -> dict[str, nn.Module]:
    """The generator and the discriminator, with weights drawn from `generator`."""
    from thinset.models.generators import ProjectionDiscriminator, ResidualGenerator

    return {
        "generator": ResidualGenerator(
            image_shape,
            n_classes,
            latent_size=settings.latent_size,
            n_channels=settings.generator_channels,
            bottom_width=settings.bottom_width,
            padding=settings.padding,
            output_norm=settings.output_norm,
            generator=generator,
        ),
        "discriminator": ProjectionDiscriminator(
            image_shape,
            n_classes,
            n_channels=settings.discriminator_channels,
            bottom_width=settings.bottom_width,
            padding=settings.padding,
            shortcuts=settings.shortcuts,
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
        n_discriminator=settings.n_discriminator,
        generator_rate=1.0,
        betas=settings.betas,
        augmentation=augmentation_by(settings.differentiable),
        term=term,
        ema_decay=settings.ema_decay,
        seed=seed,
        device=device,
        precision=precision,
        observe=observe,
    )
