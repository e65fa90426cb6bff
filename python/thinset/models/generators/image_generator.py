"""What every generator of images has: latents, labels and an image shape."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional as F

from thinset.models.image_shape import validated_image_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

_DIVISOR = 4


class ImageGenerator(nn.Module, abc.ABC):
    """A network that turns latents and class numbers into images.

    Args:
        image_shape: (height, width, channels); networks limit the sides, each to its own multiples.
        n_classes: number of classes it is conditioned on.
    """

    def __init__(self, image_shape: Sequence[int], n_classes: int) -> None:
        super().__init__()
        self.image_shape = validated_image_shape(image_shape)
        self.n_classes = validated_n_classes(n_classes)

    @abc.abstractmethod
    def latents(self, n_images: int, generator: torch.Generator) -> torch.Tensor:
        """Draw latents for `n_images`, one row each, float32, on the device of `generator`."""

    @property
    def latent_deviation(self) -> float:
        """The standard deviation of the values of latents, whose mean is 0."""
        return 1.0

    @abc.abstractmethod
    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return images (B, C, H, W) in [0, 1] of the classes `labels`, (B,) int64."""


def quarterable(image_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (height, width, channels); ValueError unless both sides are multiples of 4.

    For networks that halve images twice.
    """
    shape = validated_image_shape(image_shape)
    fitting = " ".join(str(-(-side // _DIVISOR) * _DIVISOR) for side in shape[:2])
    for name, side in zip(("height", "width"), shape[:2], strict=True):
        if side % _DIVISOR:
            raise ValueError(
                f"the {name} of images must be divisible by {_DIVISOR}, got {side}; resize them "
                f"to {-(-side // _DIVISOR) * _DIVISOR}, for example with --image-size {fitting}"
            )
    return shape


def validated_n_classes(n_classes: int) -> int:
    """Return `n_classes`; ValueError unless it is at least 1."""
    if n_classes < 1:
        raise ValueError(f"n_classes must be at least 1, got {n_classes}")
    return n_classes


def validated_latent_size(latent_size: int) -> int:
    """Return `latent_size`; ValueError unless it is at least 1."""
    if latent_size < 1:
        raise ValueError(f"latent_size must be at least 1, got {latent_size}")
    return latent_size


def one_hot(labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Return labels (B,) int64 as float32 (B, n_classes); soft labels are returned unchanged.

    Raises ValueError for soft labels with another number of columns, and on the CPU for labels that
    are no class; on a GPU, looking at them would wait for the device, and torch raises later.
    """
    if labels.is_floating_point():
        if labels.shape[1:] != (n_classes,):
            raise ValueError(
                f"soft labels must have {n_classes} columns, got shape {tuple(labels.shape)}"
            )
        return labels
    if labels.device.type == "cpu":
        for label in (labels.min(), labels.max()) if labels.numel() else ():
            if not 0 <= label < n_classes:
                raise ValueError(
                    f"labels must be from 0 to {n_classes - 1}, the classes of the network; got "
                    f"{int(label)}"
                )
    return F.one_hot(labels, n_classes).float()
