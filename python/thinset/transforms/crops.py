"""The transforms before an autoencoder: a crop, and scaling to [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.transforms.images import center_crop, random_crop, to_unit_range

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RandomCrop:
    """Random square crop of `size` pixels, None for none; float32 in [0, 1]."""

    size: int | None

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if self.size is not None:
            images = random_crop(images, self.size, generator)
        return to_unit_range(images)


@dataclass(frozen=True)
class CenterCrop:
    """Central square crop of `size` pixels, None for none; float32 in [0, 1]."""

    size: int | None

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        if self.size is not None:
            images = center_crop(images, self.size)
        return to_unit_range(images)
