"""Scores on a dataset: loss, accuracy and any further metrics of the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from thinset.data.batches import ImageRows, ordered_batches
from thinset.training.precision import autocast, resolve_device

if TYPE_CHECKING:
    from torch import nn

    from thinset.losses import Objective

ImageTransform = Callable[[torch.Tensor], torch.Tensor]
"""Turns stored images (B, C, H, W) into what the model takes."""


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
) -> dict[str, float]:
    """Score `model`, which is on `device`, on every sample of `dataset` once.

    Returns means over the samples by name: "loss"; "accuracy", the share of correct predictions in
    0..1, where the loss counts them; and whatever else it counts, see Outcome. A loss that is only
    for training is replaced by its `scores_by`, see Objective.

    `dtype`: what layers compute in, float32 or bfloat16. The model is in evaluation mode meanwhile
    and returns to its previous mode.
    """
    device = resolve_device(device)
    loss = getattr(loss, "scores_by", loss)
    # Sums stay on the device: reading them would wait for it in every batch.
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    sums: dict[str, torch.Tensor] = {}
    was_training = model.training
    model.eval()
    try:
        for images, labels in ordered_batches(
            dataset, device=device, batch_size=batch_size, channels_last=True
        ):
            with autocast(dtype, device):
                outcome = loss(model, transform(images), labels)
            loss_sum += outcome.loss.double() * len(images)
            for name, value in outcome.counted.items():
                sums[name] = sums.get(name, 0) + value
    finally:
        model.train(was_training)
    n_samples = len(dataset.images)
    counted = {name: float(value) / n_samples for name, value in sums.items()}
    return {"loss": float(loss_sum) / n_samples, **counted}
