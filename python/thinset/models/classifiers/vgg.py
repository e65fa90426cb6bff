"""The image classifier of the paper "Neural Data Augmentation", after VGG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from thinset.models.classifiers.arguments import require_classes, scaled_widths
from thinset.models.classifiers.standardised import StandardisedClassifier
from thinset.models.image_shape import validated_image_shape
from thinset.models.initialisation import initialise_glorot_uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

_FILTERS = (64, 128, 256)
_SMALLEST_SIDE = 2 ** len(_FILTERS)


class SmallVGG(StandardisedClassifier):
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
        rows, columns, channels = validated_image_shape(image_shape)
        super().__init__(channels)
        if min(rows, columns) < _SMALLEST_SIDE:
            raise ValueError(
                f"images must have at least {_SMALLEST_SIDE} x {_SMALLEST_SIDE} pixels, "
                f"got {rows} x {columns}"
            )
        require_classes(n_classes)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and less than 1, got {dropout}")
        normalised = channels > 1 if batch_norm is None else batch_norm
        layers: list[nn.Module] = []
        n_inputs = channels
        for n_outputs in scaled_widths(_FILTERS, width):
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


def small_vgg(
    image_shape: Sequence[int],
    n_classes: int,
    *,
    width: float = 1.0,
    generator: torch.Generator | None = None,
) -> SmallVGG:
    """Return a SmallVGG with the paper's settings, as settings of a training name it."""
    return SmallVGG(image_shape, n_classes, width=width, generator=generator)
