"""Augmentation that gradients pass through, the same for real and synthetic images.

Zhao, Liu, Lin, Zhu, Han, "Differentiable Augmentation for Data-Efficient GAN Training", 2020
(DiffAugment).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

_COLOUR = ("brightness", "saturation", "contrast")
# The columns of the parameters.
_COLUMNS = {
    "brightness": (0,),
    "saturation": (1,),
    "contrast": (2,),
    "translation": (3, 4),
    "cutout": (5, 6),
}
_N_COLUMNS = 7
_LARGEST_SHIFT = 0.125
_CUTOUT_SIDE = 0.5


@dataclass(frozen=True)
class DifferentiableAugmentation:
    """The operations of DiffAugment, in the order of `strategy`.

    Attributes:
        strategy: names separated by commas: "brightness" adds up to a quarter of the value range,
            either way; "saturation" scales by 0 to 2 about the mean over the channels; "contrast"
            scales by 0.5 to 1.5 about the mean of the image; "color" is these three; "translation"
            shifts by up to an eighth of each side; "cutout" covers a square of half the side.
        value_range: of the images. What translation uncovers and cutout covers gets its middle. The
            paper's images are in (-1, 1).

    `draw` draws random values, `apply` uses them, so that several batches get the same ones. Values
    may leave the range, as in the paper. Raises ValueError for an unknown or missing name, and for
    an empty range.
    """

    strategy: str = "color,translation,cutout"
    value_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        low, high = self.value_range
        if not low < high:
            raise ValueError(f"value_range must be (lowest, highest), got {self.value_range}")
        require_operations("strategy", self.strategy)

    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draw the random values of `n` images: (n, 7) float32, uniform in [0, 1).

        All are drawn whatever the strategy, one image after the other, on the generator's device.
        """
        return torch.rand(n, _N_COLUMNS, generator=generator, device=generator.device)

    def apply(self, images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        """Augment float images (B, C, H, W) by values from `draw`, one row for each image.

        A single row augments all images alike. Gradients, also second ones, pass to `images`.
        Raises TypeError for images that are not floating point, ValueError for other parameters.
        """
        if not images.is_floating_point():
            raise TypeError(f"images must be floating point, got {images.dtype}")
        if parameters.ndim != 2 or parameters.shape[1] != _N_COLUMNS:
            raise ValueError(
                f"parameters must have shape (B, {_N_COLUMNS}), as `draw` returns them; "
                f"got {tuple(parameters.shape)}"
            )
        if len(parameters) not in (1, len(images)):
            raise ValueError(
                f"parameters must have one row, or one for each of {len(images)} images; "
                f"got {len(parameters)}"
            )
        shares = parameters.to(device=images.device, dtype=images.dtype)
        for name in self._operations:
            images = self._applied(name, images, shares[:, _COLUMNS[name]])
        return images

    @property
    def _operations(self) -> list[str]:
        return [
            operation
            for name in _names(self.strategy)
            for operation in (_COLOUR if name == "color" else (name,))
        ]

    def _applied(self, name: str, images: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        low, high = self.value_range
        if name == "translation":
            return _translated(images, shares, fill=(low + high) / 2)
        if name == "cutout":
            return _cut_out(images, shares, fill=(low + high) / 2)
        factor = shares[:, :, None, None]
        if name == "brightness":
            return images + (factor - 0.5) * ((high - low) / 2)
        if name == "saturation":
            return torch.lerp(
                images.mean(dim=1, keepdim=True).expand_as(images), images, 2 * factor
            )
        means = images.mean(dim=(1, 2, 3), keepdim=True).expand_as(images)
        return torch.lerp(means, images, factor + 0.5)


def augmentation_by(strategy: str | None) -> DifferentiableAugmentation | None:
    """The augmentation of images in [0, 1] by a setting, where None is none."""
    return None if strategy is None else DifferentiableAugmentation(strategy)


def require_operations(name: str, strategy: str) -> None:
    """Raise ValueError, calling it `name`, for a strategy with an unknown operation or none."""
    known = ("color", *_COLUMNS)
    for operation in _names(strategy):
        if operation not in known:
            raise ValueError(
                f"{name} must be names among {', '.join(known)}, separated by commas; "
                f"got {operation!r} in {strategy!r}"
            )


def _names(strategy: str) -> list[str]:
    return [name.strip() for name in strategy.split(",")]


def _translated(images: torch.Tensor, shares: torch.Tensor, fill: float) -> torch.Tensor:
    """Shift each image by whole pixels; all shifts are equally likely."""
    n, _, height, width = images.shape
    filled = torch.nn.functional.pad(images, (1, 1, 1, 1), value=fill)
    rows, columns = (
        # Pixels from outside come from the padding, one pixel wide.
        (torch.arange(size, device=images.device) + _whole(share, -most, most)[:, None] + 1).clamp(
            0, size + 1
        )
        for size, share, most in (
            (height, shares[:, 0], int(height * _LARGEST_SHIFT + 0.5)),
            (width, shares[:, 1], int(width * _LARGEST_SHIFT + 0.5)),
        )
    )
    sample = torch.arange(n, device=images.device)[:, None, None]
    moved = filled.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _cut_out(images: torch.Tensor, shares: torch.Tensor, fill: float) -> torch.Tensor:
    """Cover a rectangle of half of each side; its centre is anywhere in the image."""
    covered = []
    for axis, share in ((2, shares[:, 0]), (3, shares[:, 1])):
        size = images.shape[axis]
        side = int(size * _CUTOUT_SIDE + 0.5)
        # As many places as in the published code: an even side has no middle pixel.
        first = _whole(share, 0, size - side % 2)[:, None] - side // 2
        place = torch.arange(size, device=images.device)
        covered.append((place >= first) & (place < first + side))
    rows, columns = covered
    mask = (rows[:, :, None] & columns[:, None, :])[:, None]
    return images.masked_fill(mask, fill)


def _whole(shares: torch.Tensor, lowest: int, highest: int) -> torch.Tensor:
    """Whole numbers from `lowest` to `highest`, equally likely."""
    return (shares * (highest - lowest + 1)).long().clamp(max=highest - lowest) + lowest
