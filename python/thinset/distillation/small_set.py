"""A small training set in memory."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class SmallSet:
    """Images (M, H, W, C), uint8 or float32 in about [0, 1], and labels (M,) int64, in memory.

    soft_labels: (M, K) float32; None to train on the labels. It has no stored steps: training on it
    is ordinary.
    """

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, np.dtype[np.int64]]
    soft_labels: np.ndarray[Any, np.dtype[np.float32]] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def with_hard_labels(self) -> SmallSet:
        """The same without soft labels."""
        return dataclasses.replace(self, soft_labels=None)
