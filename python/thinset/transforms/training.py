"""Traditional image augmentation, in batches on the device of the images.

Pure functions of image batches (B, C, H, W). Every sample draws its own random values from an
explicit generator, which may be on any device. Functions that compute with pixel values take floats
in [0, 1]; `to_unit_range` makes them from uint8. Cropping is in thinset.transforms.images.

Follows "Faster Training by Selecting Samples Using Embeddings", section IV-A2, and the tutorial
network that it describes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from thinset.transforms.images import GREY_LEVELS, center_crop, random_crop, to_unit_range


def random_flip(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror every image left to right with probability 1/2; any dtype, which is kept."""
    mirrored = torch.randint(2, (len(images),), generator=generator, device=generator.device)
    mirrored = mirrored.bool().to(images.device)
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
    return centred.div_(deviation.clamp_(min=n_values**-0.5 / GREY_LEVELS))


@dataclass(frozen=True)
class TrainTransform:
    """Random augmentation of training images, in the order of the fields.

    `padding`: black pixels that are added on each side before the crop. `crop`: side of the random
    crop in pixels; None for none or, with padding, a crop of the images' own size. `flip`: mirror
    half of the images; wrong for digits and letters. `brightness`: largest shift, as a share of the
    value range, 0 for none. `contrast`: lowest and highest factor, None for none. `standardise`:
    per image, else values stay in [0, 1] (but for brightness and contrast).

    Called with uint8 or unit-range float images (B, C, H, W) and a generator, gives float32.
    """

    crop: int | None = None
    flip: bool = False
    brightness: float = 0.0
    contrast: tuple[float, float] | None = None
    standardise: bool = True
    padding: int = 0

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise ValueError(f"padding must be at least 0, got {self.padding}")
        if self.brightness < 0:
            raise ValueError(f"brightness must be at least 0, got {self.brightness}")
        if self.contrast is not None and not 0 <= self.contrast[0] <= self.contrast[1]:
            raise ValueError(f"contrast must be (lowest, highest), got {self.contrast}")

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if self.crop is not None or self.padding > 0:
            height, width = images.shape[2:]
            size = (height, width) if self.crop is None else self.crop
            images = random_crop(F.pad(images, [self.padding] * 4), size, generator)
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
    """The transform of test images: the central crop and, by default, standardisation.

    `crop`: side in pixels, None for none. Called with uint8 or unit-range float images
    (B, C, H, W), gives float32.
    """

    __test__ = False  # not a test case, despite the name

    crop: int | None = None
    standardise: bool = True

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        if self.crop is not None:
            images = center_crop(images, self.crop)
        images = to_unit_range(images)
        return standardise(images) if self.standardise else images


def _uniform(
    images: torch.Tensor, low: float, high: float, generator: torch.Generator
) -> torch.Tensor:
    shares = torch.rand(len(images), 1, 1, 1, generator=generator, device=generator.device)
    return shares.mul_(high - low).add_(low).to(images.device)
