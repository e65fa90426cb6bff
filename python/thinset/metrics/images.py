"""Images of a dataset, an array or a tensor, as pixels in [0, 1]."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from thinset.data.encoded_images import EncodedImages

_CHANNELS = (1, 3, 4)


def as_images(images: object, name: str = "images") -> NDArray[Any] | EncodedImages:
    """Images (N, height, width, channels), uint8 0..255 or float in [0, 1]; not copied.

    Takes a Dataset, or any object with `images`; an array in that layout; or a torch tensor as
    models take it, (N, channels, height, width).
    """
    held: Any = getattr(images, "images", images)
    if hasattr(held, "detach"):
        held = held.detach().cpu().numpy()
        if held.ndim == 4:
            held = held.transpose(0, 2, 3, 1)
    if not hasattr(held, "shape") or not hasattr(held, "dtype"):
        raise ValueError(
            f"{name} must be a Dataset, an array (N, height, width, channels) or a tensor "
            f"(N, channels, height, width), got {type(images).__name__}"
        )
    if len(held.shape) != 4 or held.shape[3] not in _CHANNELS or held.shape[0] == 0:
        raise ValueError(
            f"{name} must be at least one image of 1, 3 or 4 channels: an array (N, height, width, "
            f"channels) or a tensor (N, channels, height, width); got shape {tuple(held.shape)} "
            "with channels last"
        )
    if held.dtype != np.uint8 and held.dtype.kind != "f":
        raise ValueError(f"{name} must be uint8 or float, got {held.dtype}")
    return held  # type: ignore[no-any-return]


def pixel_rows(
    images: NDArray[Any] | EncodedImages, start: int, stop: int, name: str
) -> NDArray[np.float32]:
    """Images [start, stop) as rows of pixels in [0, 1]: (n, height * width * channels) float32."""
    block = np.asarray(images[start:stop])
    rows = block.reshape(len(block), -1).astype(np.float32)
    if block.dtype == np.uint8:
        rows /= 255.0
        return rows
    outside = ~((rows >= 0.0) & (rows <= 1.0))  # also true for NaN
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise ValueError(
            f"{name} must be uint8, or floats in [0, 1]: image {start + row} holds "
            f"{rows[row, column]}"
        )
    return rows


def blocks_of_rows(n_rows: int, bytes_per_row: int, most_bytes: int) -> Iterator[tuple[int, int]]:
    """[start, stop) of blocks of nearly equal size that each take at most about `most_bytes`."""
    n_blocks = min(-(-n_rows * bytes_per_row // most_bytes), max(n_rows // 2, 1))
    edges = np.linspace(0, n_rows, n_blocks + 1).astype(int).tolist()
    return itertools.pairwise(edges)
