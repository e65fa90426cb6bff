"""The ConvNet that distilled data are commonly made for and measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from thinset.models.classifiers.arguments import require_classes, scaled_widths
from thinset.models.classifiers.standardised import StandardisedClassifier
from thinset.models.image_shape import validated_image_shape
from thinset.models.initialisation import initialise_uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_BLOCKS = 3
_FILTERS = 128
_SMALLEST_MAP = 3
"""Instance norm of fewer pixels than 3 x 3 keeps next to nothing of an image"""
_AT_ONCE = 16
"""Images that a CPU computes at once: what layers return stays in its caches"""


class ConvNet(StandardisedClassifier):
    """Blocks of 3x3 convolution, instance norm, ReLU and 2x2 average pooling; then linear.

    Gidaris and Komodakis, "Dynamic Few-Shot Visual Learning without Forgetting", 2018, as Zhao,
    Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021, use it: three blocks,
    320,010 parameters for 32x32x3 images of 10 classes. Initial weights are torch's own, as there.

    Takes float images (B, C, H, W) in [0, 1] and returns logits (B, `n_classes`). Images are
    standardised per channel inside the model; see StandardisedClassifier. Pooling rounds down.
    `n_blocks`: None for three, or fewer if the last block would return less than 3x3 pixels, which
    happens below 24x24. `width` multiplies the 128 filters. No output depends on other images of
    the batch. Raises ValueError for arguments out of range and images smaller than 2^n_blocks.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        n_blocks: int | None = None,
        width: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        rows, columns, channels = validated_image_shape(image_shape)
        super().__init__(channels)
        if n_blocks is None:
            n_blocks = _blocks_for(min(rows, columns))
        if n_blocks < 1:
            raise ValueError(f"n_blocks must be at least 1, got {n_blocks}")
        if min(rows, columns) < 2**n_blocks:
            raise ValueError(
                f"images must have at least {2**n_blocks} x {2**n_blocks} pixels, "
                f"got {rows} x {columns}"
            )
        require_classes(n_classes)
        (filters,) = scaled_widths((_FILTERS,), width)
        layers: list[nn.Module] = []
        n_inputs = channels
        for _ in range(n_blocks):
            layers += [
                nn.Conv2d(n_inputs, filters, 3, padding=1),
                InstanceNorm(filters),
                nn.ReLU(inplace=True),
                nn.AvgPool2d(2),
            ]
            n_inputs = filters
        self.features = nn.Sequential(*layers, nn.Flatten())
        area = (rows // 2**n_blocks) * (columns // 2**n_blocks)
        self.head = nn.Linear(filters * area, n_classes)
        initialise_uniform(self, generator)

    def hidden(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the fully connected layer takes: (B, D).

        On a CPU, images are computed a few at a time. Where the C library returns freed memory to
        the system, training takes two thirds of the time; where it keeps it, as in thinset's
        commands, this makes no difference.
        """
        if images.device.type != "cpu" or len(images) <= _AT_ONCE:
            return super().hidden(images)
        return torch.cat(
            [super(ConvNet, self).hidden(part) for part in torch.split(images, _AT_ONCE)]
        )


class InstanceNorm(nn.GroupNorm):
    """One group for each channel: training with torch's InstanceNorm2d takes longer on a CPU."""

    def __init__(self, n_channels: int) -> None:
        super().__init__(n_channels, n_channels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        # On a CPU, torch is many times slower for bfloat16 in channels_last memory format.
        if images.dtype == torch.bfloat16 and images.device.type == "cpu":
            images = images.contiguous()
        return super().forward(images)


def _blocks_for(side: int) -> int:
    fitting = [n for n in range(1, _MOST_BLOCKS + 1) if side // 2**n >= _SMALLEST_MAP]
    return max(fitting, default=1)


def convnet(
    image_shape: Sequence[int],
    n_classes: int,
    *,
    width: float = 1.0,
    generator: torch.Generator | None = None,
) -> ConvNet:
    """Return a ConvNet, as settings of a training name it."""
    return ConvNet(image_shape, n_classes, width=width, generator=generator)
