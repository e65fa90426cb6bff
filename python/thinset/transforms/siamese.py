"""One random augmentation, the same for a batch of real and a batch of synthetic images.

Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation", 2021 (DSA).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn import functional as F

from thinset.transforms.differentiable import DifferentiableAugmentation

# The standardised images of the paper: 0 is the mean, and brightness changes by up to 0.5.
_VALUE_RANGE = (-1.0, 1.0)
_LARGEST_SCALE = 1.2
_LARGEST_ANGLE = math.radians(15)
_OF_SHAPE = ("flip", "scale", "rotate")
_OPERATIONS = ("color", "translation", "cutout", *_OF_SHAPE)


class Drawn(NamedTuple):
    """One operation, with random values in [0, 1) for each image: (n, 7) float32 on the CPU."""

    operation: str
    shares: torch.Tensor


@dataclass(frozen=True)
class SiameseAugmentation:
    """One of the operations of DSA at a time, all equally likely, on standardised images.

    strategy: names separated by commas: "color", "translation" and "cutout" as in
        DifferentiableAugmentation; "flip" mirrors half of the images; "scale" scales height and
        width, each by 1/1.2 to 1.2; "rotate" turns by up to 15 degrees. What becomes visible from
        outside is 0, the mean of standardised images.

    `draw` draws an operation and its values, `apply` uses them, so that several batches get the
    same. Raises ValueError for an unknown or missing name.
    """

    strategy: str = "color,translation,cutout,flip,scale,rotate"

    def __post_init__(self) -> None:
        for name in self.operations:
            if name not in _OPERATIONS:
                raise ValueError(
                    f"strategy must be names among {', '.join(_OPERATIONS)}, separated by commas; "
                    f"got {name!r} in {self.strategy!r}"
                )

    @property
    def operations(self) -> tuple[str, ...]:
        """The names in `strategy`."""
        return tuple(name.strip() for name in self.strategy.split(","))

    def draw(self, n: int, generator: torch.Generator) -> Drawn:
        """Draw an operation and the values of `n` images from a CPU generator."""
        number = int(torch.randint(len(self.operations), (), generator=generator))
        operation = self.operations[number]
        return Drawn(operation, DifferentiableAugmentation().draw(n, generator))

    def apply(self, images: torch.Tensor, drawn: Drawn) -> torch.Tensor:
        """Augment float images (B, C, H, W) by what `draw` drew for B images, or for one.

        Values drawn for one image augment all images alike. Gradients pass to `images`. Raises
        ValueError for values of another number of images.
        """
        operation, shares = drawn
        if operation not in _OF_SHAPE:
            augmentation = DifferentiableAugmentation(operation, _VALUE_RANGE)
            return augmentation.apply(images, shares)
        if len(shares) not in (1, len(images)):
            raise ValueError(
                f"values must be drawn for one image, or for each of {len(images)}; "
                f"got {len(shares)}"
            )
        shares = shares.to(device=images.device, dtype=images.dtype).expand(len(images), -1)
        if operation == "flip":
            return torch.where(shares[:, :1, None, None] < 0.5, images.flip(3), images)
        if operation == "scale":
            return _warped(images, _scaling(shares))
        return _warped(images, _rotation(shares, aspect=images.shape[2] / images.shape[3]))


def _scaling(shares: torch.Tensor) -> torch.Tensor:
    """Matrices (B, 2, 2)."""
    smallest = 1 / _LARGEST_SCALE
    return torch.diag_embed(smallest + (_LARGEST_SCALE - smallest) * shares[:, :2])


def _rotation(shares: torch.Tensor, aspect: float) -> torch.Tensor:
    """Matrices (B, 2, 2) for coordinates of -1 to 1; `aspect` is the height over the width."""
    angles = (2 * shares[:, 0] - 1) * _LARGEST_ANGLE
    sine, cosine = angles.sin(), angles.cos()
    return torch.stack((cosine, -sine * aspect, sine / aspect, cosine), dim=1).view(-1, 2, 2)


def _warped(images: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    """Images at the places that `matrices` map pixels to; the middle stays where it is."""
    places = F.affine_grid(F.pad(matrices, (0, 1)), list(images.shape), align_corners=False)
    return F.grid_sample(images, places, padding_mode="zeros", align_corners=False)
