"""The sizes that the convolutional models are built for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def validated_image_shape(image_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (height, width, channels); ValueError unless all three are whole and positive."""
    shape = tuple(int(size) for size in image_shape)
    if len(shape) != 3 or min(shape) < 1 or list(shape) != list(image_shape):
        raise ValueError(
            f"image_shape must be (height, width, channels), all at least 1, got {image_shape!r}"
        )
    return shape


def halved(size: int) -> int:
    """Length of an axis after a 3-wide, stride-2 pooling with one pixel of padding."""
    return (size + 1) // 2
