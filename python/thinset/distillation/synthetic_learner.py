"""What learners of a synthetic set have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.training.learners.learner import Goal
from thinset.training.weights import copy_tensors, named_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thinset.distillation.synthetic_set import SyntheticSet


class SyntheticLearner:
    """The parts of a Learner that are about its SyntheticSet; subclasses take steps.

    They add the mean loss of each step to `_loss_sum`.
    """

    def __init__(self, synthetic: SyntheticSet, device: torch.device) -> None:
        self._synthetic = synthetic
        self._device = device
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self._device

    def take_loss_sum(self) -> float:
        """Return the sum of the mean losses of all steps since the last call."""
        loss_sum = float(self._loss_sum)
        self._loss_sum.zero_()
        return loss_sum

    def goal(self, scores: Mapping[str, float]) -> Goal:  # noqa: ARG002 - the same for all
        """Return the highest accuracy."""
        return Goal("accuracy", higher_is_better=True)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the images and what is learned with them."""
        return named_tensors(self._synthetic)

    def finish(self, weights: Mapping[str, torch.Tensor] | None) -> None:
        """Leave `weights`, or those of now, in the set."""
        if weights is not None:
            copy_tensors(self._synthetic, weights)
        self._synthetic.images.grad = None
