"""A class-conditional flow-matching U-Net; see flow.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from thinset.augmentation.generators import require_quarterable, require_sizes
from thinset.files.decoding import AboveZero, Positive, Share  # noqa: TC001 - decode looks them up

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn

    from thinset.models.generators import FlowGenerator
    from thinset.training.learners.generative import GenerativeLearner, Observer


@dataclass(frozen=True)
class Settings:
    """See FlowGenerator and FlowLearner. n_steps, solver: of sampling."""

    model: Literal["flow"] = "flow"
    batch_size: Positive = 64
    learning_rate: AboveZero = 1e-3
    widths: tuple[Positive, Positive] = (64, 128)
    n_steps: Positive = 20
    solver: Literal["euler", "midpoint"] = "midpoint"
    ema_decay: Share | None = 0.999

    def __post_init__(self) -> None:
        require_sizes(self, "widths")


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
    """The velocity field, with weights drawn from `generator`."""
    from thinset.models.generators import FlowGenerator

    return {
        "generator": FlowGenerator(
            image_shape,
            n_classes,
            widths=settings.widths,
            n_steps=settings.n_steps,
            solver=settings.solver,
            generator=generator,
        )
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
    """The learner of the velocity field."""
    from thinset.training.learners.flow_matching import FlowLearner

    return FlowLearner(
        cast("FlowGenerator", networks["generator"]),
        ema_decay=settings.ema_decay,
        seed=seed,
        device=device,
        precision=precision,
        observe=observe,
    )
