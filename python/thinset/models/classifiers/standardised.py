"""Classifiers that standardise images by the channels of their training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

_IMAGES_AT_ONCE = 1024
_GREY_LEVEL = 1 / 255


class StandardisedClassifier(nn.Module):
    """A classifier of images in [0, 1] with the buffers `mean` and `deviation` (C,).

    Subclasses set `features`, from standardised images (B, C, H, W) to values (B, D), and `head`,
    from these to logits; or they have a `hidden` of their own, which calls `standardised` first.
    The buffers start as 0 and 1; `standardise_by` and `standardise_with` set them.
    """

    features: nn.Module
    head: nn.Module
    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels))
        self.register_buffer("deviation", torch.ones(n_channels))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.hidden(images))
        return logits

    def hidden(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the fully connected layers take: (B, D)."""
        values: torch.Tensor = self.features(self.standardised(images))
        return values

    def standardised(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, C, H, W) less the mean, in units of the deviation, of each channel."""
        return (images - self.mean[:, None, None]) / self.deviation[:, None, None]

    @torch.no_grad()
    def standardise_by(self, images: Any) -> None:
        """Take the buffers from the training images; see channel_statistics.

        Raises ValueError for another number of channels.
        """
        n_channels = len(self.mean)
        if len(images.shape) != 4 or images.shape[3] != n_channels or 0 in images.shape:
            raise ValueError(
                f"images must have shape (N, height, width, {n_channels}), "
                f"got {tuple(images.shape)}"
            )
        self.standardise_with(*channel_statistics(images))

    @torch.no_grad()
    def standardise_with(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        """Set the buffers to these values, one for each channel."""
        self.mean.copy_(torch.tensor(mean, dtype=torch.float64))
        self.deviation.copy_(torch.tensor(deviation, dtype=torch.float64))


def channel_statistics(images: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of images, in [0, 1].

    images: (N, height, width, channels), uint8, or float in [0, 1]; anything that gives arrays
    when it is sliced. A deviation below one grey level of 255 counts as one. Raises ValueError for
    another shape, or no images.
    """
    if len(images.shape) != 4 or 0 in images.shape:
        raise ValueError(
            "images must have shape (N, height, width, channels), and none of these may be 0; "
            f"got {tuple(images.shape)}"
        )
    n_channels = images.shape[3]
    total = torch.zeros(n_channels, dtype=torch.float64)
    squares = torch.zeros(n_channels, dtype=torch.float64)
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        # A copy: torch warns of arrays that cannot be written to, as memory maps.
        rows = torch.tensor(images[start : start + _IMAGES_AT_ONCE])
        scale = 1.0 if rows.is_floating_point() else _GREY_LEVEL
        values = rows.reshape(-1, n_channels).double() * scale
        total += values.sum(dim=0)
        squares += values.square().sum(dim=0)
    n_values = len(images) * images.shape[1] * images.shape[2]
    mean = total / n_values
    variance = (squares / n_values - mean.square()).clamp(min=0)
    return tuple(mean.tolist()), tuple(variance.sqrt().clamp(min=_GREY_LEVEL).tolist())
