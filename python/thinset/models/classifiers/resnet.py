"""The residual network of "Dataset distillation with deep learning", Table C.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional as F

from thinset.models.classifiers.arguments import require_classes, scaled_widths
from thinset.models.classifiers.standardised import StandardisedClassifier
from thinset.models.image_shape import validated_image_shape
from thinset.models.initialisation import initialise_he

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

_FILTERS = (64, 64, 128, 128, 256, 256, 512, 512)


class HalvingConvolution(nn.Conv2d):
    """A 3x3 convolution with stride 2, or 1 where there is a single pixel: the same numbers.

    In bfloat16 on the CPU, torch leaves weights' gradients unset (often NaN) for stride 2 there.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__(n_inputs, n_outputs, 3, stride=2, padding=1, bias=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        stride = [min(2, side) for side in values.shape[2:]]
        return F.conv2d(values, self.weight, stride=stride, padding=1)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, added to the input.

    The first convolution halves the sides with `stride` 2. Where the shape changes, a 1x1
    convolution with batch norm brings the input to it.
    """

    def __init__(self, n_inputs: int, n_outputs: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            HalvingConvolution(n_inputs, n_outputs)
            if stride == 2
            else nn.Conv2d(n_inputs, n_outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_outputs, n_outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_outputs),
        )
        self.shortcut = (
            nn.Identity()
            if (n_inputs, stride) == (n_outputs, 1)
            else nn.Sequential(
                nn.Conv2d(n_inputs, n_outputs, 1, stride=stride, bias=False),
                nn.BatchNorm2d(n_outputs),
            )
        )

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return F.relu(self.residual(values) + self.shortcut(values), inplace=True)


class ResNet(StandardisedClassifier):
    """21 layers: 3x3 convolution, max-pooling, eight residual blocks, average pooling, linear.

    The layers with weights are the first convolution, two in each block, three 1x1 convolutions on
    shortcuts, and the last one. Blocks have 64, 64, 128, 128, 256, 256, 512 and 512 filters, and
    the 3rd, 5th and 7th halve the sides. After He et al., "Deep Residual Learning for Image
    Recognition", 2016; convolutions have no bias, because batch norm follows.

    Takes float images (B, C, H, W) of any size in [0, 1] and returns logits (B, `n_classes`).
    Images are standardised per channel inside the model; see StandardisedClassifier. `width`
    multiplies the filters. Raises ValueError for arguments out of range.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        width: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        *_, channels = validated_image_shape(image_shape)
        super().__init__(channels)
        require_classes(n_classes)
        filters = scaled_widths(_FILTERS, width)
        layers: list[nn.Module] = [
            nn.Conv2d(channels, filters[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(filters[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        ]
        n_inputs = filters[0]
        for number, n_outputs in enumerate(filters):
            stride = 2 if number in (2, 4, 6) else 1
            layers.append(ResidualBlock(n_inputs, n_outputs, stride))
            n_inputs = n_outputs
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(n_inputs, n_classes)
        initialise_he(self, generator)


def resnet(
    image_shape: Sequence[int],
    n_classes: int,
    *,
    width: float = 1.0,
    generator: torch.Generator | None = None,
) -> ResNet:
    """Return a ResNet, as settings of a training name it."""
    return ResNet(image_shape, n_classes, width=width, generator=generator)
