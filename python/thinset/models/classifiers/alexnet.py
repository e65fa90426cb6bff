"""The small AlexNet for CIFAR-10, as dataset distillation uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from thinset.models.classifiers.arguments import require_classes, scaled_widths
from thinset.models.classifiers.standardised import StandardisedClassifier
from thinset.models.image_shape import halved, validated_image_shape
from thinset.models.initialisation import initialise_glorot_uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

_N_CHANNELS = 9
_ALPHA = 0.001


class AlexNet(StandardisedClassifier):
    """Two 5x5 convolutions with 64 filters, then layers of 384, 192 and `n_classes` values.

    Takes float images (B, C, H, W) in [0, 1], standardises them per channel by its buffers, and
    returns logits (B, `n_classes`). Rectifiers follow all layers but the last. 3x3 max-pooling
    halves the sides twice, rounding up: 32x32 pixels leave 8x8 for the first fully connected layer.
    Local response normalisation follows the first pooling and precedes the second. 1,756,426
    parameters for 32x32 colour images of 10 classes. `width` multiplies 64, 64, 384 and 192.
    Weights are drawn by Glorot and Bengio's uniform rule, biases are 0. There is no batch norm.

    After Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks",
    2012; in this size as in Wang et al., "Dataset Distillation", 2018.

    Raises ValueError for arguments out of range.
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
        require_classes(n_classes)
        first, second, third, fourth = scaled_widths((64, 64, 384, 192), width)
        area = halved(halved(height)) * halved(halved(columns))
        self.features = nn.Sequential(
            nn.Conv2d(channels, first, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
            ResponseNorm(first),
            nn.Conv2d(first, second, 5, padding=2),
            nn.ReLU(inplace=True),
            ResponseNorm(second),
            nn.MaxPool2d(3, stride=2, padding=1),
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


class ResponseNorm(nn.Module):
    """x / (1 + 0.001 / 9 * the sum of squares over 9 channels)^0.75, as published for CIFAR-10.

    The same as torch's LocalResponseNorm, which divides alpha by the number of channels. Sums are
    products with a band matrix: on a CPU, an unrolled step takes three quarters of the time.
    """

    band: torch.Tensor

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        numbers = torch.arange(n_channels)
        is_near = (numbers[:, None] - numbers).abs() <= _N_CHANNELS // 2
        weights = is_near.float() * (_ALPHA / _N_CHANNELS)
        self.register_buffer("band", weights[:, :, None, None], persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        root = (1 + F.conv2d(images.square(), self.band.to(images.dtype))).rsqrt()
        return images * root * root.sqrt()
