"""Loss and accuracy on a dataset."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch

from thinset.data.batches import ImageRows, ordered_batches
from thinset.training.precision import autocast, resolve_device

if TYPE_CHECKING:
    from torch import nn

    from thinset.losses import Objective

ImageTransform = Callable[[torch.Tensor], torch.Tensor]
"""Turns stored images (B, C, H, W) into what the model takes."""


class Score(NamedTuple):
    """`loss`: mean over the samples. `accuracy`: share of correct predictions, 0..1, or None."""

    loss: float
    accuracy: float | None


@torch.no_grad()
def evaluate(
    model: nn.Module,
    dataset: ImageRows,
    *,
    loss: Objective,
    transform: ImageTransform,
    batch_size: int = 1024,
    device: torch.device | str = "auto",
    dtype: torch.dtype = torch.float32,
) -> Score:
    """Score `model`, which is on `device`, on every sample of `dataset` once.

    `dtype`: what layers compute in, float32 or bfloat16. The model is in evaluation mode meanwhile
    and returns to its previous mode.
    """
    device = resolve_device(device)
    # Sums stay on the device: reading them would wait for it in every batch.
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    n_correct = torch.zeros((), dtype=torch.int64, device=device)
    has_accuracy = True
    was_training = model.training
    model.eval()
    try:
        for images, labels in ordered_batches(
            dataset, device=device, batch_size=batch_size, channels_last=True
        ):
            with autocast(dtype, device):
                outcome = loss(model, transform(images), labels)
            loss_sum += outcome.loss.double() * len(images)
            if outcome.n_correct is None:
                has_accuracy = False
            else:
                n_correct += outcome.n_correct
    finally:
        model.train(was_training)
    n_samples = len(dataset.images)
    accuracy = int(n_correct) / n_samples if has_accuracy else None
    return Score(float(loss_sum) / n_samples, accuracy)
