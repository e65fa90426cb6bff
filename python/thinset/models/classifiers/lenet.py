"""LeNet-5 with rectifiers and max-pooling, as dataset distillation uses it."""

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

_SMALLEST_SIDE = 4
_PADDING = 2  # keeps the sides in a 5 x 5 convolution


class LeNet(StandardisedClassifier):
    """Two 5x5 convolutions with 6 and 16 filters, then layers of 120, 84 and `n_classes` values.

    Takes float images (B, C, H, W) in [0, 1], standardises them per channel by its buffers, and
    returns logits (B, `n_classes`). Both convolutions are followed by a rectifier and 2x2
    max-pooling. Without padding, 32x32 pixels leave 5x5 for the first fully connected layer. The
    first convolution pads sides below 32 by 2 pixels, so that 28 gives the same; sides below 12,
    which the second convolution would use up, are padded in both. 61,706 parameters for 28x28 and
    32x32 grey images of 10 classes. `width` multiplies 6, 16, 120 and 84. Weights are drawn by
    Glorot and Bengio's uniform rule, biases are 0. There is no batch norm.

    LeCun et al., "Gradient-based learning applied to document recognition", 1998, section II-B;
    rectifiers and max-pooling as in Wang et al., "Dataset Distillation", 2018.

    Raises ValueError for arguments out of range and images smaller than 4x4.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        width: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        height, columns, channels = validated_image_shape(image_shape)
        super().__init__(channels)
        if min(height, columns) < _SMALLEST_SIDE:
            raise ValueError(
                f"images must have at least {_SMALLEST_SIDE} x {_SMALLEST_SIDE} pixels, "
                f"got {height} x {columns}"
            )
        require_classes(n_classes)
        first, second, third, fourth = scaled_widths((6, 16, 120, 84), width)
        down, across = _paddings(height), _paddings(columns)
        area = _pooled(height, *down) * _pooled(columns, *across)
        self.features = nn.Sequential(
            nn.Conv2d(channels, first, 5, padding=(down[0], across[0])),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 5, padding=(down[1], across[1])),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Sequential(
            nn.Linear(second * area, third),
            nn.ReLU(inplace=True),
            nn.Linear(third, fourth),
            nn.ReLU(inplace=True),
            nn.Linear(fourth, n_classes),
        )
        initialise_glorot_uniform(self, generator)


def _paddings(side: int) -> tuple[int, int]:
    """What the two convolutions add at both ends of a side."""
    return (_PADDING if side < 32 else 0, _PADDING if side < 12 else 0)


def _pooled(side: int, *paddings: int) -> int:
    """The length of a side after both convolutions and poolings."""
    for padding in paddings:
        side = (side + 2 * padding - 4) // 2
    return side
