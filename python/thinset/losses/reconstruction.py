"""The reconstruction error of an autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F

from thinset.losses.objective import Outcome

if TYPE_CHECKING:
    import torch
    from torch import nn


def reconstruction_error(reconstructions: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Mean squared difference over the pixels and channels of every image: (B,) float32.

    Both (B, C, H, W), in the same scale. The "squared-difference similarity loss" of "Faster
    Training by Selecting Samples Using Embeddings", section IV-B. Shapes that differ raise
    ValueError: broadcasting them would hide the mistake.
    """
    if reconstructions.shape != images.shape:
        raise ValueError(
            "reconstructions and images must have the same shape, got "
            f"{tuple(reconstructions.shape)} and {tuple(images.shape)}"
        )
    squared = F.mse_loss(reconstructions.float(), images.float(), reduction="none")
    return squared.flatten(1).mean(dim=1)


def reconstruction(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Outcome:  # noqa: ARG001
    """Objective: how well `model(images)` reconstructs its input; labels are ignored."""
    return Outcome(reconstruction_error(model(images), images), n_correct=None)
