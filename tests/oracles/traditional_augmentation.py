"""Traditional augmentation one image and one value at a time, from the definitions."""

from __future__ import annotations

import math

import numpy as np


def windows(image: np.ndarray, size: int) -> list[np.ndarray]:
    """All square crops of an image (C, H, W)."""
    _, height, width = image.shape
    return [
        image[:, top : top + size, left : left + size]
        for top in range(height - size + 1)
        for left in range(width - size + 1)
    ]


def standardised(image: np.ndarray) -> np.ndarray:
    """Subtract the mean, divide by the deviation, at least 1/sqrt(n) grey levels of 255."""
    values = image.astype(np.float64)
    deviation = math.sqrt(((values - values.mean()) ** 2).mean())
    return (values - values.mean()) / max(deviation, 1 / math.sqrt(values.size) / 255)
