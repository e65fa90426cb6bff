"""The interface between the training loop and a model on one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import torch
    from torch import nn


class Outcome(NamedTuple):
    """How a model did on one batch.

    `losses`: (B,) float tensor, one loss per sample, to be differentiated. `n_correct`:
    0-dimensional integer tensor, or None if there is no notion of a correct prediction.
    """

    losses: torch.Tensor
    n_correct: torch.Tensor | None

    @property
    def loss(self) -> torch.Tensor:
        """0-dimensional float tensor: the mean over the batch."""
        return self.losses.mean()

    def weighted_loss(self, weights: torch.Tensor | None) -> torch.Tensor:
        """Mean over the batch of each sample's loss times its weight (B,); None weighs all 1."""
        return self.loss if weights is None else (self.losses * weights).mean()


class Objective(Protocol):
    """A function of a model, float images (B, C, H, W) and labels.

    Labels are class numbers (B,) int64, or soft labels (B, classes) float32 if the data have them.
    """

    def __call__(
        self, model: nn.Module, images: torch.Tensor, labels: torch.Tensor, /
    ) -> Outcome: ...
