"""Where height, width and channels are in an array of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

_COLOURS = (1, 3)
_MOST_CHANNELS = 4


def is_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether a shape (channels, height, width) is more likely than (height, width, channels)."""
    return len(shape) == 3 and shape[0] in _COLOURS and min(shape[1:]) > _MOST_CHANNELS


def channels_last(images: Array) -> Array:
    """A view (N, height, width, channels) of images (N, channels, height, width)."""
    return np.moveaxis(images, 1, -1)
