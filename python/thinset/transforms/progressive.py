"""Progressive resizing: training on small images at first, on images of full size at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch.nn import functional as F

if TYPE_CHECKING:
    import torch

_N_PLACES = 1000
"""Places of a training at which its sizes are looked up"""


@dataclass(frozen=True)
class ProgressiveResizing:
    """Makes training images smaller, by how much of the training is done.

    `smallest`: height and width at first, as a share of the full ones, above 0 and below 1. Up to
    the share `grows_from` of the training, images stay so small; then they grow in proportion to
    the steps, or to the time where the length is a time; from the share `full_from` on they have
    their full size. Sides are rounded to a multiple of `multiple` pixels, at least one. Images are
    resized after all other transforms (bilinear, antialiased); tests always see full size.

    A step takes about as much less time as there are fewer pixels, so there are more steps within
    a fixed time. The model must take images of several sizes: one that averages over all places
    before its last layer, such as a ResNet. The schedule and its defaults are those of MosaicML's
    Composer.

    Raises ValueError for values out of range.
    """

    smallest: float = 0.5
    grows_from: float = 0.5
    full_from: float = 0.8
    multiple: int = 4

    def __post_init__(self) -> None:
        if not 0 < self.smallest < 1:
            raise ValueError(f"smallest must be above 0 and below 1, got {self.smallest!r}")
        if not 0 <= self.grows_from <= self.full_from <= 1:
            raise ValueError(
                "grows_from and full_from must be shares from 0 to 1, in this order; got "
                f"{self.grows_from!r} and {self.full_from!r}"
            )
        if self.multiple < 1 or self.multiple % 1:
            raise ValueError(
                f"multiple must be a whole number of pixels, at least 1, got {self.multiple!r}"
            )

    def size_at(self, progress: float, height: int, width: int) -> tuple[int, int]:
        """Height and width after the share `progress` of the training."""
        share = self._share_at(progress)
        return self._side(share * height, height), self._side(share * width, width)

    def sizes(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """Every size of a training, in the order in which they come."""
        places = (number / _N_PLACES for number in range(_N_PLACES + 1))
        return tuple(dict.fromkeys(self.size_at(place, height, width) for place in places))

    def __call__(self, images: torch.Tensor, progress: float) -> torch.Tensor:
        """Resize float images (B, C, H, W)."""
        height, width = images.shape[2:]
        size = self.size_at(progress, height, width)
        if size == (height, width):
            return images
        return F.interpolate(images, size, mode="bilinear", antialias=True)

    def _share_at(self, progress: float) -> float:
        if progress >= self.full_from:
            return 1.0
        if progress <= self.grows_from:
            return self.smallest
        grown = (progress - self.grows_from) / (self.full_from - self.grows_from)
        return self.smallest + (1 - self.smallest) * grown

    def _side(self, length: float, full: int) -> int:
        rounded = self.multiple * max(1, round(length / self.multiple))
        return full if length >= full else min(rounded, full)
