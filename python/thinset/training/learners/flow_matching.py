"""A velocity field trained on straight paths from noise to images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.losses.flow_matching import flow_matching
from thinset.training.learners.generative import GenerativeLearner

if TYPE_CHECKING:
    from thinset.models.generators import FlowGenerator
    from thinset.training.learners.generative import Observer


class FlowLearner(GenerativeLearner):
    """Flow matching with uniform times (see thinset.losses.flow_matching), trained by Adam.

    Arguments: see GenerativeLearner. The images that are scored and kept come from averaged
    weights: those of single steps give visibly worse images.
    """

    goal_metric = "loss"

    def __init__(
        self,
        generator: FlowGenerator,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        ema_decay: float | None = 0.999,
        seed: int = 0,
        device: torch.device | str = "auto",
        precision: str = "auto",
        observe: Observer | None = None,
    ) -> None:
        super().__init__(
            {"generator": generator},
            {"generator": (torch.optim.Adam(generator.parameters(), betas=betas), 1.0)},
            losses=("loss",),
            ema_decay=ema_decay,
            seed=seed,
            device=device,
            precision=precision,
            observe=observe,
            described={"betas": betas},
        )
        self._flow = generator

    def _step(self, images: torch.Tensor, labels: torch.Tensor, n_before: int) -> torch.Tensor:  # noqa: ARG002
        optimizer, _ = self._optimizers["generator"]
        noise = torch.randn(images.shape, generator=self._noise, device=self._noise.device)
        times = torch.rand(len(images), generator=self._noise, device=self._noise.device)
        with self._autocast():
            losses = flow_matching(
                lambda points, at: self._flow.velocity(points, at, labels),
                images * 2 - 1,
                noise,
                times,
            )
        optimizer.zero_grad()
        losses.mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        self._count(loss=losses)
        return losses
