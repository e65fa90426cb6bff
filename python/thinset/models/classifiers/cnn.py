"""The small convolutional network that an architecture describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from thinset.models.classifiers.arguments import require_classes, scaled_widths
from thinset.models.classifiers.standardised import StandardisedClassifier
from thinset.models.image_shape import validated_image_shape
from thinset.models.initialisation import initialise_he, initialise_uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.models.architecture import Architecture, Block


class CNN(StandardisedClassifier):
    """The network of an Architecture: its blocks, normalised means over all pixels, then linear.

    Takes float images (B, C, H, W) in [0, 1] and returns logits (B, `n_classes`). Images are
    standardised per channel inside the model; see StandardisedClassifier. Each convolution keeps
    the size of the image and is followed by normalisation over all its channels and pixels (Ba et
    al., "Layer Normalization", 2016) and a rectifier, so that no output depends on other images of
    the batch and architectures of all depths train at one learning rate. A block ends with 2x2
    pooling, which rounds down. `width` multiplies all filters. Weights of convolutions are drawn by
    He's rule, those of the linear layer by torch's own.

    Raises ValueError for arguments out of range and images smaller than 2^blocks.
    """

    def __init__(
        self,
        architecture: Architecture,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        width: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        height, columns, channels = validated_image_shape(image_shape)
        super().__init__(channels)
        require_classes(n_classes)
        blocks = architecture.blocks
        if min(height, columns) < 2 ** len(blocks):
            raise ValueError(
                f"images must have at least {2 ** len(blocks)} x {2 ** len(blocks)} pixels for "
                f"{architecture}, got {height} x {columns}"
            )
        filters = scaled_widths(tuple(block.filters for block in blocks), width)
        inputs = (channels, *filters)
        self.blocks = nn.ModuleList(
            _ConvolutionalBlock(block, inputs[number], filters[number])
            for number, block in enumerate(blocks)
        )
        self.head = nn.Linear(filters[-1], n_classes)
        initialise_he(self.blocks, generator)
        initialise_uniform(self.head, generator)

    def hidden(self, images: torch.Tensor) -> torch.Tensor:
        """Return the last hidden layer (B, D): what the fully connected layer takes."""
        values = self.standardised(images)
        for block in self.blocks:
            values = block(values)
        means = values.mean(dim=(2, 3))
        # Rectified values all have a large mean, which says nothing about the class.
        return nn.functional.layer_norm(means, means.shape[1:])


class _ConvolutionalBlock(nn.Module):
    def __init__(self, block: Block, n_inputs: int, filters: int) -> None:
        super().__init__()
        self._has_skip = block.has_skip
        self.convolutions = nn.ModuleList(
            nn.Conv2d(
                n_inputs if layer == 0 else filters,
                filters,
                block.kernel,
                padding=block.kernel // 2,
            )
            for layer in range(block.depth)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, filters) for _ in range(block.depth))
        self.pooling = nn.MaxPool2d(2) if block.pooling == "max" else nn.AvgPool2d(2)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        first = None
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            values = torch.relu(norm(convolution(values)))
            first = values if first is None else first
        if self._has_skip:
            assert first is not None
            values = values + first
        pooled: torch.Tensor = self.pooling(values)
        return pooled
