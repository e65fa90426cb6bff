"""The conditional convolutional VAE of "Neural data augmentation", section 2.4.2; see cdcvae.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from thinset.augmentation.generators import require_batch, require_quarterable, require_sizes
from thinset.files.decoding import AboveZero, Positive, Share  # noqa: TC001 - decode looks them up

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn

    from thinset.models.generators import Decoder, Encoder
    from thinset.training.learners.generative import GenerativeLearner, Observer


@dataclass(frozen=True)
class Settings:
    """The paper's settings; see Decoder, Encoder and VariationalLearner."""

    model: Literal["cdcvae"] = "cdcvae"
    batch_size: Positive = 64
    learning_rate: AboveZero = 1e-3
    latent_size: Positive | None = None
    beta: float = 1.0
    free_nats: float = 0.0
    amsgrad: bool = False
    ema_decay: Share | None = None

    def __post_init__(self) -> None:
        require_batch(self.batch_size)
        require_sizes(self, "latent_size")
        for name in ("beta", "free_nats"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be finite and at least 0, got {value}")


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
    """The decoder, which is the generator, and the encoder, weights drawn from `generator`."""
    from thinset.models.generators import Decoder, Encoder

    sizes: dict[str, Any] = {"latent_size": settings.latent_size, "generator": generator}
    return {
        "generator": Decoder(image_shape, n_classes, prior="normal", **sizes),
        "encoder": Encoder(image_shape, n_classes, **sizes),
    }


def learner(
    networks: Mapping[str, nn.Module],
    settings: Settings,
    *,
    seed: int,
    device: torch.device | str,
    precision: str,
    observe: Observer | None,
) -> GenerativeLearner:
    """The learner of both networks."""
    from thinset.training.learners.variational import VariationalLearner

    return VariationalLearner(
        cast("Decoder", networks["generator"]),
        cast("Encoder", networks["encoder"]),
        beta=settings.beta,
        free_nats=settings.free_nats,
        amsgrad=settings.amsgrad,
        ema_decay=settings.ema_decay,
        seed=seed,
        device=device,
        precision=precision,
        observe=observe,
    )
