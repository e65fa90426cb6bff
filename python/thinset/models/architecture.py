"""Architectures of small convolutional networks, each with a short text; needs no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from thinset.models.image_shape import validated_image_shape

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
