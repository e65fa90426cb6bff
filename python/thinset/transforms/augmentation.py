"""Rotation and Gaussian blur, in batches on the device of the images.

Pure functions of float image batches (B, C, H, W) in [0, 1]. The random ones draw the values of one
sample after those of the previous one. Images that are augmented batch by batch with one generator
on the CPU therefore get the same values for every batch size and every device.

The ranges are those of "Neural Data Augmentation" (ROT, BLUR and ROTBLUR, section 2.3).
"""

from __future__ import annotations

import torch

LARGEST_ROTATION = 25.0
"""In degrees, in both directions"""
LOWEST_BLUR, HIGHEST_BLUR = 0.25, 2.25
"""Standard deviations of the Gaussian, in pixels"""


def rotate(images: torch.Tensor, degrees: torch.Tensor) -> torch.Tensor:
    """Rotate each image counter-clockwise about its centre, by `degrees` (B,).

    Bilinear; outside the image, the nearest pixel of its border is taken. Raises TypeError for
    images that are not floating point, and ValueError unless there is one finite angle per image.
    """
    radians = torch.deg2rad(_per_image(images, degrees, "degrees"))[:, None, None]
    cosine, sine = radians.cos().to(images.dtype), radians.sin().to(images.dtype)
    height, width = images.shape[2:]
    down = _centred(height, images)[:, None]
    right = _centred(width, images)
    # The place in the image that each pixel of the result comes from, 0 being the centre and 1 the
    # outer edge of the last pixel, as grid_sample has it without align_corners.
    columns = (cosine * right - sine * down) * (2 / width)
    rows = (sine * right + cosine * down) * (2 / height)
    return torch.nn.functional.grid_sample(
        images,
        torch.stack([columns, rows], dim=-1),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )


def random_rotation(
    images: torch.Tensor, generator: torch.Generator, largest: float = LARGEST_ROTATION
) -> torch.Tensor:
    """Rotate each image by an angle that is uniform in [-largest, largest) degrees."""
    (shares,) = _shares(images, 1, generator)
    return rotate(images, _scaled(shares, -largest, largest))


def gaussian_blur(images: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Convolve each image with a Gaussian of its own standard deviation, `sigmas` (B,) in pixels.

    The kernel has 2 * ceil(3 * sigma) + 1 pixels in each direction and sums to 1. Images are
    reflected at their borders, without repeating the border pixels. Raises TypeError for images
    that are not floating point, and ValueError unless there is one finite sigma above 0 per image.
    """
    sigmas = _per_image(images, sigmas, "sigmas")
    if bool((sigmas <= 0).any()):
        raise ValueError(f"sigmas must be above 0, got {float(sigmas.min())}")
    kernels = _gaussian_kernels(sigmas).to(images.dtype)
    return _convolved(_convolved(images, kernels, 2), kernels, 3)


def random_blur(
    images: torch.Tensor,
    generator: torch.Generator,
    lowest: float = LOWEST_BLUR,
    highest: float = HIGHEST_BLUR,
) -> torch.Tensor:
    """Blur each image by a standard deviation that is uniform in [lowest, highest) pixels."""
    (shares,) = _shares(images, 1, generator)
    return gaussian_blur(images, _scaled(shares, lowest, highest))


def random_rotation_and_blur(
    images: torch.Tensor,
    generator: torch.Generator,
    largest: float = LARGEST_ROTATION,
    lowest: float = LOWEST_BLUR,
    highest: float = HIGHEST_BLUR,
) -> torch.Tensor:
    """Rotate each image as `random_rotation` does, then blur it as `random_blur` does."""
    angles, deviations = _shares(images, 2, generator)
    rotated = rotate(images, _scaled(angles, -largest, largest))
    return gaussian_blur(rotated, _scaled(deviations, lowest, highest))


def _shares(
    images: torch.Tensor, n_values: int, generator: torch.Generator
) -> tuple[torch.Tensor, ...]:
    """Draw `n_values` columns (B,), uniform in [0, 1), sample by sample."""
    drawn = torch.rand(len(images), n_values, generator=generator, device=generator.device)
    return drawn.to(images.device).unbind(1)


def _scaled(shares: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return shares * (high - low) + low


def _per_image(images: torch.Tensor, values: torch.Tensor, name: str) -> torch.Tensor:
    """Check `values` and return them as float64.

    Exponentials and sines round differently in the vectorised part of a tensor and in the rest,
    that is from batch to batch. In float64 such differences vanish when the result is rounded.
    """
    if not images.is_floating_point():
        raise TypeError(f"images must be floating point in [0, 1], got {images.dtype}")
    values = torch.as_tensor(values, dtype=torch.float64, device=images.device)
    if values.shape != (len(images),):
        raise ValueError(
            f"{name} must hold one value for each of {len(images)} images, "
            f"got shape {tuple(values.shape)}"
        )
    if not bool(torch.isfinite(values).all()):
        raise ValueError(f"{name} must be finite, got {values[~torch.isfinite(values)][0]}")
    return values


def _centred(size: int, images: torch.Tensor) -> torch.Tensor:
    """The places of `size` pixels along an axis, in pixels from the centre."""
    return torch.arange(size, dtype=images.dtype, device=images.device) - (size - 1) / 2


def _gaussian_kernels(sigmas: torch.Tensor) -> torch.Tensor:
    """One kernel per sample (B, K); the smaller ones have zeros at both ends."""
    radii = torch.ceil(3 * sigmas)
    largest = int(radii.max()) if len(radii) else 0
    distances = torch.arange(-largest, largest + 1, dtype=sigmas.dtype, device=sigmas.device).abs()
    weights = torch.exp(-0.5 * (distances / sigmas[:, None]).square())
    weights = torch.where(distances <= radii[:, None], weights, torch.zeros_like(weights))
    return weights / weights.sum(dim=1, keepdim=True)


def _convolved(images: torch.Tensor, kernels: torch.Tensor, axis: int) -> torch.Tensor:
    """Convolve along one axis of (B, C, H, W), each image with its symmetric row of `kernels`.

    One shifted image is added after the other. A grouped convolution would round differently from
    batch to batch, because the batch decides the size of its kernels and its order of summation.
    """
    radius, size = kernels.shape[1] // 2, images.shape[axis]
    places = torch.arange(-radius, size + radius, device=images.device)
    padded = images.index_select(axis, _reflected(places, size))
    # From the outside in: the zeros of smaller kernels then come first, where they change nothing.
    total = torch.zeros_like(images)
    for distance in range(radius, 0, -1):
        weight = kernels[:, radius - distance, None, None, None]
        before = padded.narrow(axis, radius - distance, size)
        after = padded.narrow(axis, radius + distance, size)
        total.addcmul_(weight, before + after)
    return total.addcmul_(kernels[:, radius, None, None, None], images)


def _reflected(places: torch.Tensor, size: int) -> torch.Tensor:
    """Map places outside of 0..size-1 back into it, as often as needed: 2 1 0 1 2 1 0."""
    if size == 1:
        return torch.zeros_like(places)
    period = 2 * (size - 1)
    places = places.remainder(period)
    return torch.minimum(places, period - places)
