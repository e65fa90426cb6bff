"""What the training loop asks of a model on one batch."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn


class Outcome(NamedTuple):
    """How a model did on one batch.

    `losses`: (B,) float tensor, one loss per sample, to be differentiated. `n_correct`:
    0-dimensional integer tensor, or None if there is no notion of a correct prediction. `sums`:
    further metrics by name, each a 0-dimensional tensor with the sum over the batch; their means
    over a dataset become scores.
    """

    losses: torch.Tensor
    n_correct: torch.Tensor | None
    sums: Mapping[str, torch.Tensor] = MappingProxyType({})

    @property
    def counted(self) -> dict[str, torch.Tensor]:
        """All sums over the batch by the name of their metric, the accuracy's among them."""
        accuracy = {} if self.n_correct is None else {"accuracy": self.n_correct}
        return {**accuracy, **self.sums}

    @property
    def loss(self) -> torch.Tensor:
        """0-dimensional float tensor: the mean over the batch."""
        return self.losses.mean()

    def weighted_loss(self, weights: torch.Tensor | None) -> torch.Tensor:
        """Mean over the batch of each sample's loss times its weight (B,); None weighs all 1."""
        return self.loss if weights is None else (self.losses * weights).mean()


class Objective(Protocol):
    """A function of a model, float images (B, C, H, W) and labels.

    Labels are class numbers (B,) int64, or soft labels (B, classes) float32 where data have them.
    An objective that is only for training has an attribute `scores_by`: the objective of scores.
    """

    def __call__(
        self, model: nn.Module, images: torch.Tensor, labels: torch.Tensor, /
    ) -> Outcome: ...
