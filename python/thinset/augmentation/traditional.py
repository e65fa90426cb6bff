"""Traditional image augmentation, in batches on whichever device the images are.

Pure functions of image batches (B, C, H, W). Every sample draws its own random values from an
explicit generator, which may lie on any device. Functions that compute with pixel values take
floats in [0, 1]; `to_unit_range` makes them from uint8.

Follows "Faster Training by Selecting Samples Using Embeddings", section IV-A2, and the tutorial
network that it describes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

_GREY_LEVELS = 255.0


def to_unit_range(images: torch.Tensor) -> torch.Tensor:
    """Turn uint8 images 0..255 into float32 in [0, 1]; float images are taken to be so already."""
    if images.dtype == torch.uint8:
        return images.to(torch.float32).div_(_GREY_LEVELS)
    if not images.is_floating_point():
        raise TypeError(f"images must be uint8 or floating point, got {images.dtype}")
    return images.to(torch.float32)


def random_crop(images: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    """Cut a square of `size` pixels out of every image, each position equally likely.

    Any dtype, which is kept, and so is the memory format. Raises ValueError where `size` is not
    between 1 and the images' height and width.
    """
    _require_crop_fits(images, size)
    n, _, height, width = images.shape
    top = _integers(n, height - size + 1, generator, images.device)
    left = _integers(n, width - size + 1, generator, images.device)
    sample = torch.arange(n, device=images.device)
    # All windows as one view without a copy, (B, tops, lefts, size, size, C); one is taken of each.
    windows = images.permute(0, 2, 3, 1).unfold(1, size, 1).unfold(2, size, 1)
    return windows.permute(0, 1, 2, 4, 5, 3)[sample, top, left].permute(0, 3, 1, 2)


def center_crop(images: torch.Tensor, size: int) -> torch.Tensor:
    """Cut the central square of `size` pixels out of every image, as a view.

    Where the margin is odd, the spare row or column is left at the bottom or right. Raises
    ValueError where `size` is not between 1 and the images' height and width.
    """
    _require_crop_fits(images, size)
    top = (images.shape[2] - size) // 2
    left = (images.shape[3] - size) // 2
    return images[:, :, top : top + size, left : left + size]


def random_flip(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror every image left to right with probability 1/2; any dtype, which is kept."""
    mirrored = _integers(len(images), 2, generator, images.device).bool()
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def random_brightness(
    images: torch.Tensor, largest_shift: float, generator: torch.Generator
) -> torch.Tensor:
    """Add to every float image one value, uniform in [-largest_shift, largest_shift).

    Nothing is clipped, as in the tutorial network: values may leave [0, 1].
    """
    return images + _uniform(images, -largest_shift, largest_shift, generator)


def random_contrast(
    images: torch.Tensor, lowest: float, highest: float, generator: torch.Generator
) -> torch.Tensor:
    """Stretch every float image about the mean of each of its channels.

    The factor is one per image, uniform in [lowest, highest). Nothing is clipped.
    """
    means = images.mean(dim=(2, 3), keepdim=True)
    factor = _uniform(images, lowest, highest, generator)
    return torch.lerp(means, images, factor)


def standardise(images: torch.Tensor) -> torch.Tensor:
    """Give every float image in [0, 1] mean 0 and standard deviation 1, over all its values.

    The divisor is at least 1/sqrt(n) grey levels of 255, n being the image's number of values, so
    that a flat image becomes 0. The paper says that it divides by the variance; its framework, and
    this, divides by the standard deviation.
    """
    n_values = images[0].numel()
    centred = images - images.mean(dim=(1, 2, 3), keepdim=True)
    deviation = centred.square().mean(dim=(1, 2, 3), keepdim=True).sqrt_()
    return centred.div_(deviation.clamp_(min=n_values**-0.5 / _GREY_LEVELS))


@dataclass(frozen=True)
class TrainTransform:
    """Random augmentation of training images, in the order of the fields.

    `crop`: side of the random crop in pixels, None for none. `flip`: mirror half of the images;
    wrong for digits and letters. `brightness`: largest shift, as a share of the value range, 0 for
    none. `contrast`: lowest and highest factor, None for none. `standardise`: per image, else
    values stay in [0, 1] (but for brightness and contrast).

    Called with uint8 or unit-range float images (B, C, H, W) and a generator, gives float32.
    """

    crop: int | None = None
    flip: bool = False
    brightness: float = 0.0
    contrast: tuple[float, float] | None = None
    standardise: bool = True

    def __post_init__(self) -> None:
        if self.brightness < 0:
            raise ValueError(f"brightness must be at least 0, got {self.brightness}")
        if self.contrast is not None and not 0 <= self.contrast[0] <= self.contrast[1]:
            raise ValueError(f"contrast must be (lowest, highest), got {self.contrast}")

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if self.crop is not None:
            images = random_crop(images, self.crop, generator)
        if self.flip:
            images = random_flip(images, generator)
        images = to_unit_range(images)
        if self.brightness > 0:
            images = random_brightness(images, self.brightness, generator)
        if self.contrast is not None:
            images = random_contrast(images, *self.contrast, generator)
        return standardise(images) if self.standardise else images


@dataclass(frozen=True)
class TestTransform:
    """What test images go through: the central crop and, by default, standardisation.

    `crop`: side in pixels, None for none. Called with uint8 or unit-range float images
    (B, C, H, W), gives float32.
    """

    __test__ = False  # not a test case, whatever pytest makes of the name

    crop: int | None = None
    standardise: bool = True

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        if self.crop is not None:
            images = center_crop(images, self.crop)
        images = to_unit_range(images)
        return standardise(images) if self.standardise else images


def _require_crop_fits(images: torch.Tensor, size: int) -> None:
    height, width = images.shape[2:]
    if not 1 <= size <= min(height, width):
        raise ValueError(f"crop must be between 1 and {min(height, width)} pixels, got {size}")


def _integers(n: int, end: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    return torch.randint(end, (n,), generator=generator, device=generator.device).to(device)


def _uniform(
    images: torch.Tensor, low: float, high: float, generator: torch.Generator
) -> torch.Tensor:
    shares = torch.rand(len(images), 1, 1, 1, generator=generator, device=generator.device)
    return shares.mul_(high - low).add_(low).to(images.device)
