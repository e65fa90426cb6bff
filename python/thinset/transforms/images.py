"""Image batches (B, C, H, W) as models take them: cropped, as floats in [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    import numpy as np

GREY_LEVELS = 255.0


def to_unit_range(images: torch.Tensor) -> torch.Tensor:
    """Turn uint8 images 0..255 into float32 in [0, 1]; float images are assumed to be in [0, 1].

    Raises TypeError for any other dtype.
    """
    if images.dtype == torch.uint8:
        return images.to(torch.float32).div_(GREY_LEVELS)
    if not images.is_floating_point():
        raise TypeError(f"images must be uint8 or floating point, got {images.dtype}")
    return images.to(torch.float32)


def as_rows(images: torch.Tensor, dtype: str) -> np.ndarray[Any, Any]:
    """Images (B, C, H, W) in [0, 1] as a dataset stores them: (B, H, W, C), uint8 or float32."""
    rows = images.permute(0, 2, 3, 1).float().cpu()
    if dtype == "uint8":
        rows = (rows * GREY_LEVELS).round_().to(torch.uint8)
    return rows.contiguous().numpy()


def random_crop(
    images: torch.Tensor, size: int | tuple[int, int], generator: torch.Generator
) -> torch.Tensor:
    """Cut a window out of every image, each position equally likely.

    `size`: (height, width) of the window in pixels, or the side of a square. Any dtype, which is
    kept. `generator` may be on any device. Raises ValueError for a window that does not fit.
    """
    rows, columns = (size, size) if isinstance(size, int) else size
    _require_crop_fits(images, rows, columns)
    n, _, height, width = images.shape
    top = _positions(n, height - rows, generator, images.device)
    left = _positions(n, width - columns, generator, images.device)
    sample = torch.arange(n, device=images.device)
    # All windows as one view without a copy, (B, tops, lefts, C, rows, columns). One window is
    # taken from each sample, with channels last, the layout of the stored rows, so that they are
    # copied as blocks.
    windows = images.permute(0, 2, 3, 1).unfold(1, rows, 1).unfold(2, columns, 1)
    return windows.permute(0, 1, 2, 4, 5, 3)[sample, top, left].permute(0, 3, 1, 2)


def center_crop(images: torch.Tensor, size: int) -> torch.Tensor:
    """Cut the central square of `size` pixels out of every image, as a view.

    If the margin is odd, the extra row or column is at the bottom or right. Raises ValueError if
    `size` is not between 1 and the images' height and width.
    """
    _require_crop_fits(images, size, size)
    top = (images.shape[2] - size) // 2
    left = (images.shape[3] - size) // 2
    return images[:, :, top : top + size, left : left + size]


def _require_crop_fits(images: torch.Tensor, rows: int, columns: int) -> None:
    height, width = images.shape[2:]
    if not (1 <= rows <= height and 1 <= columns <= width):
        if rows == columns:
            raise ValueError(f"crop must be between 1 and {min(height, width)} pixels, got {rows}")
        raise ValueError(
            f"crop must be at most {height} x {width} pixels and at least 1 x 1, got "
            f"{rows} x {columns}"
        )


def _positions(
    n: int, largest: int, generator: torch.Generator, device: torch.device
) -> torch.Tensor:
    drawn = torch.randint(largest + 1, (n,), generator=generator, device=generator.device)
    return drawn.to(device)
