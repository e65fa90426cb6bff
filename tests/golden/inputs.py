"""The inputs of the golden answers, from integer arithmetic alone."""

from __future__ import annotations

import numpy as np

N_ROWS, N_COLUMNS = 64, 6
N_IMAGES, IMAGE_SHAPE = 10, (2, 3, 1)
CLASS_NAMES = ("cat", "chien", "ねこ")


def embeddings(dtype="float64"):
    """(64, 6): ((7 i^2 + 13 i j + 31 j + 5) mod 257 - 96) / 16; the last column is 1 throughout.

    Eight significant bits: every element type holds the values exactly, so that all of them give
    one answer. 64 rows make the mean exact, and values recur, so that ties are decided too.
    """
    i, j = np.mgrid[:N_ROWS, :N_COLUMNS]
    numerators = (7 * i * i + 13 * i * j + 31 * j + 5) % 257 - 96
    numerators[:, -1] = 16
    return (numerators / 16).astype(dtype)


def labels():
    """(64,): i^2 mod 7, four classes of different sizes."""
    return np.arange(N_ROWS, dtype=np.int64) ** 2 % 7


def images():
    """(10, 2, 3, 1) uint8: 37 times the element's number, mod 256."""
    n = N_IMAGES * int(np.prod(IMAGE_SHAPE))
    return (37 * np.arange(n) % 256).astype(np.uint8).reshape(N_IMAGES, *IMAGE_SHAPE)


def soft_labels():
    """(10, 3) float32: 1/2, 1/4, 1/4, turned by one place from row to row."""
    first = np.array([0.5, 0.25, 0.25], np.float32)
    return np.stack([np.roll(first, row) for row in range(N_IMAGES)])


def image_labels():
    """(10,): 0, 1, 2, 0, 1, ..."""
    return np.arange(N_IMAGES, dtype=np.int64) % len(CLASS_NAMES)
