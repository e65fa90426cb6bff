"""DiffAugment one image at a time, from its published description; images are in [-1, 1]."""

from __future__ import annotations

import numpy as np


def augmented(image: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """An image (C, H, W) after colour, translation and cutout; seven shares in [0, 1)."""
    image = image + (shares[0] - 0.5)
    grey = image.mean(axis=0, keepdims=True)
    image = (image - grey) * (2 * shares[1]) + grey
    mean = image.mean()
    image = (image - mean) * (shares[2] + 0.5) + mean
    _, height, width = image.shape
    down, right = (
        whole(share, -most, most)
        for share, most in zip(shares[3:5], (nearest(height / 8), nearest(width / 8)), strict=True)
    )
    moved = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if 0 <= row + down < height and 0 <= column + right < width:
                moved[:, row, column] = image[:, row + down, column + right]
    sides = nearest(height / 2), nearest(width / 2)
    top, left = (
        whole(share, 0, size - side % 2) - side // 2
        for share, size, side in zip(shares[5:], (height, width), sides, strict=True)
    )
    moved[:, max(0, top) : max(0, top + sides[0]), max(0, left) : max(0, left + sides[1])] = 0
    return moved


def whole(share: float, lowest: int, highest: int) -> int:
    return lowest + int(share * (highest - lowest + 1))


def nearest(value: float) -> int:
    return int(value + 0.5)
