"""Small convolutional networks that a short text describes, for searches among architectures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import torch
from torch import nn

from thinset.models.classifiers.arguments import require_classes, scaled_widths
from thinset.models.classifiers.standardised import StandardisedClassifier
from thinset.models.image_shape import validated_image_shape
from thinset.models.initialisation import initialise_he

if TYPE_CHECKING:
    from collections.abc import Sequence

Pooling: TypeAlias = Literal["max", "avg"]

PREFIX = "cnn:"
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
_BLOCK = re.compile(r"([1-9]\d*)-([1-9]\d*)(?:x([2-9]|[1-9]\d+))?-(max|avg)(-skip)?")


@dataclass(frozen=True)
class Block:
    """`depth` convolutions with `kernel` x `kernel` pixels and `filters` filters, then pooling.

    has_skip: the output of the first convolution is added to that of the last. Raises ValueError
    for values out of range, even kernels, and a skip over nothing.
    """

    kernel: int
    filters: int
    pooling: Pooling
    depth: int = 1
    has_skip: bool = False

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd and at least 1, got {self.kernel}")
        if self.filters < 1:
            raise ValueError(f"filters must be at least 1, got {self.filters}")
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling must be {' or '.join(POOLINGS)}, got {self.pooling!r}")
        if self.depth < (2 if self.has_skip else 1):
            raise ValueError(
                f"depth must be at least 1, and at least 2 with a skip; got {self.depth}"
            )

    def __str__(self) -> str:
        depth = f"x{self.depth}" if self.depth > 1 else ""
        skip = "-skip" if self.has_skip else ""
        return f"{self.kernel}-{self.filters}{depth}-{self.pooling}{skip}"


@dataclass(frozen=True)
class Architecture:
    """Blocks, one after the other; `str` gives the one text that `parse` reads.

    The text is `cnn:` and the blocks, KERNEL-FILTERS[xDEPTH]-POOLING[-skip], with commas between:
    cnn:3-32-max,5-64x2-avg-skip. Raises ValueError without a block.
    """

    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        if not self.blocks:
            raise ValueError("an architecture must have at least one block")

    @classmethod
    def parse(cls, text: str) -> Architecture:
        """Read the text of an architecture; ValueError, quoting it, for any other text."""
        blocks = []
        for part in text.removeprefix(PREFIX).split(","):
            match = _BLOCK.fullmatch(part)
            if match is None or not text.startswith(PREFIX):
                raise ValueError(
                    "an architecture is a text such as cnn:3-32-max,5-64x2-avg-skip "
                    f"(KERNEL-FILTERS[xDEPTH]-max|avg[-skip], ...); got {text!r}"
                )
            kernel, filters, depth, pooling, skip = match.groups()
            try:
                blocks.append(
                    Block(
                        int(kernel),
                        int(filters),
                        pooling,  # type: ignore[arg-type]  # as the pattern says
                        int(depth or 1),
                        skip is not None,
                    )
                )
            except ValueError as error:
                raise ValueError(f"architecture {text!r}: {error}") from error
        return cls(tuple(blocks))

    def __str__(self) -> str:
        return PREFIX + ",".join(map(str, self.blocks))

    def multiply_adds(self, image_shape: Sequence[int], n_classes: int) -> int:
        """Multiplications with an addition in the layers, for one image (H, W, C).

        Convolutions count the padded border like all other pixels. Normalisation, rectifiers and
        pooling, which are small beside them, do not count.
        """
        height, width, n_inputs = validated_image_shape(image_shape)
        total = 0
        for block in self.blocks:
            per_input = height * width * block.kernel**2 * block.filters
            total += per_input * (n_inputs + (block.depth - 1) * block.filters)
            height, width, n_inputs = height // 2, width // 2, block.filters
        return total + n_inputs * n_classes


class CNN(StandardisedClassifier):
    """The network of an Architecture: its blocks, the mean over all pixels, then linear.

    Takes float images (B, C, H, W) in [0, 1] and returns logits (B, `n_classes`). Images are
    standardised per channel inside the model; see StandardisedClassifier. Each convolution keeps
    the size of the image and is followed by normalisation over all its channels and pixels (Ba et
    al., "Layer Normalization", 2016) and a rectifier, so that no output depends on other images of
    the batch and architectures of all depths train at one learning rate. A block ends with 2x2
    pooling, which rounds down. `width` multiplies all filters. Weights are drawn by He's rule.

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
        initialise_he(self, generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.hidden(images))
        return logits

    def hidden(self, images: torch.Tensor) -> torch.Tensor:
        """Return the last hidden layer (B, D): what the fully connected layer takes."""
        values = self.standardised(images)
        for block in self.blocks:
            values = block(values)
        return values.mean(dim=(2, 3))


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
