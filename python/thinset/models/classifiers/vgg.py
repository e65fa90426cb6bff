"""The image classifier of the paper "Neural Data Augmentation", after VGG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from thinset.models.image_shape import validated_image_shape
from thinset.models.initialisation import initialise_glorot_uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILTERS = (64, 128, 256)
_SMALLEST_SIDE = 2 ** len(_FILTERS)
_IMAGES_AT_ONCE = 1024
_GREY_LEVEL = 1 / 255


class SmallVGG(nn.Module):
    """Three stages of two 3x3 convolutions, then one fully connected layer (section 2.2).

    Takes float images (B, C, H, W) in [0, 1] and returns logits (B, `n_classes`). Images are
    standardised per channel inside the model, by the buffers `mean` and `deviation`, which
    `standardise_by` sets. Every stage ends with max-pooling that halves the sides, rounding down,
    and dropout. `width` multiplies the 64, 128 and 256 filters. `batch_norm`: after every
    convolution; None for colour images only, as in the paper. `dropout` is the share that is
    dropped. Raises ValueError for arguments out of range and images smaller than 8x8.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        width: float = 1.0,
        batch_norm: bool | None = None,
        dropout: float = 0.6,
        negative_slope: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        rows, columns, channels = validated_image_shape(image_shape)
        if min(rows, columns) < _SMALLEST_SIDE:
            raise ValueError(
                f"images must have at least {_SMALLEST_SIDE} x {_SMALLEST_SIDE} pixels, "
                f"got {rows} x {columns}"
            )
        if n_classes < 2:
            raise ValueError(f"n_classes must be at least 2, got {n_classes}")
        if not 0 < width < float("inf"):
            raise ValueError(f"width must be finite and above 0, got {width}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and less than 1, got {dropout}")
        normalised = channels > 1 if batch_norm is None else batch_norm
        self.mean: torch.Tensor
        self.deviation: torch.Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        layers: list[nn.Module] = []
        n_inputs = channels
        for filters in _FILTERS:
            n_outputs = max(1, round(width * filters))
            for n_before in (n_inputs, n_outputs):
                layers.append(nn.Conv2d(n_before, n_outputs, 3, padding=1))
                if normalised:
                    layers.append(nn.BatchNorm2d(n_outputs))
                layers.append(nn.LeakyReLU(negative_slope, inplace=True))
            layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
            n_inputs = n_outputs
        self.features = nn.Sequential(*layers, nn.Flatten())
        area = (rows // _SMALLEST_SIDE) * (columns // _SMALLEST_SIDE)
        self.head = nn.Linear(n_inputs * area, n_classes)
        initialise_glorot_uniform(self, generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.hidden(images))
        return logits

    def hidden(self, images: torch.Tensor) -> torch.Tensor:
        """Return the last hidden layer (B, D): what the fully connected layer takes."""
        standardised = (images - self.mean[:, None, None]) / self.deviation[:, None, None]
        values: torch.Tensor = self.features(standardised)
        return values

    @torch.no_grad()
    def standardise_by(self, images: Any) -> None:
        """Take `mean` and `deviation` of each channel from the training images.

        images: (N, height, width, channels), uint8, or float in [0, 1]; anything that gives arrays
        when it is sliced. A deviation below one grey level of 255 counts as one. Raises ValueError
        for another number of channels or no images.
        """
        n_channels = len(self.mean)
        if len(images.shape) != 4 or images.shape[3] != n_channels or 0 in images.shape:
            raise ValueError(
                f"images must have shape (N, height, width, {n_channels}), "
                f"got {tuple(images.shape)}"
            )
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
        self.mean.copy_(mean)
        self.deviation.copy_(variance.sqrt().clamp(min=_GREY_LEVEL))


def small_vgg(
    image_shape: Sequence[int],
    n_classes: int,
    *,
    width: float = 1.0,
    generator: torch.Generator | None = None,
) -> SmallVGG:
    """Return a SmallVGG with the paper's settings, as settings of a training name it."""
    return SmallVGG(image_shape, n_classes, width=width, generator=generator)
