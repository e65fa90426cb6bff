from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from thinset.transforms.augmentation import (
    gaussian_blur,
    random_blur,
    random_rotation,
    random_rotation_and_blur,
    rotate,
)

RANDOM = (random_rotation, random_blur, random_rotation_and_blur)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images_of(n: int, channels: int = 1, height: int = 28, width: int = 28) -> torch.Tensor:
    return torch.rand(n, channels, height, width, generator=generator(99))


@pytest.mark.parametrize("shape", [(28, 28), (32, 32), (8, 13), (7, 1)])
@pytest.mark.parametrize("degrees", [-25.0, -7.3, 0.0, 12.5, 25.0, 90.0, 180.0])
def test_rotation_equals_scipys_with_the_nearest_border(
    shape: tuple[int, int], degrees: float
) -> None:
    images = images_of(2, 3, *shape).double()
    rotated = rotate(images, torch.full((2,), degrees))
    for image, result in zip(images.flatten(0, 1), rotated.flatten(0, 1), strict=True):
        expected = ndimage.rotate(image.numpy(), degrees, reshape=False, order=1, mode="nearest")
        np.testing.assert_allclose(result.numpy(), expected, atol=1e-6)


def test_rotation_is_counter_clockwise() -> None:
    image = torch.zeros(1, 1, 5, 5)
    image[0, 0, 2, 4] = 1.0  # on the right
    rotated = rotate(image, torch.tensor([90.0]))
    assert float(rotated[0, 0, 0, 2]) == pytest.approx(1.0, abs=1e-5)  # at the top


def test_what_rotation_uncovers_has_the_colour_of_the_border() -> None:
    flat = torch.full((1, 3, 28, 28), 0.7)
    torch.testing.assert_close(rotate(flat, torch.tensor([25.0])), flat)


@pytest.mark.parametrize("shape", [(28, 28), (8, 13), (4, 3), (2, 1)])
@pytest.mark.parametrize("sigma", [0.25, 1 / 3, 0.7, 1.0, 1.5, 2.25])
def test_blur_equals_scipys_with_the_same_kernel(shape: tuple[int, int], sigma: float) -> None:
    """Also where the kernel is larger than the image, which is then reflected repeatedly."""
    images = images_of(2, 3, *shape).double()
    sigmas = torch.full((2,), sigma, dtype=torch.float64)
    blurred = gaussian_blur(images, sigmas)
    for image, result in zip(images.flatten(0, 1), blurred.flatten(0, 1), strict=True):
        expected = ndimage.gaussian_filter(
            image.numpy(), sigma, mode="mirror", radius=math.ceil(3 * sigma)
        )
        np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("sigma", "n_pixels"), [(0.25, 3), (0.5, 5), (1.0, 7), (2.25, 15)])
def test_kernel_has_the_size_of_its_own_sigma_in_any_batch(sigma: float, n_pixels: int) -> None:
    point = torch.zeros(2, 1, 31, 31)
    point[:, :, 15, 15] = 1.0
    blurred = gaussian_blur(point, torch.tensor([sigma, 2.25]))
    assert int((blurred[0, 0].sum(dim=0) > 0).sum()) == n_pixels
    assert float(blurred[0].sum()) == pytest.approx(1.0)


@pytest.mark.parametrize("augment", RANDOM)
@pytest.mark.parametrize("channels", [1, 3])
def test_results_do_not_depend_on_the_size_of_the_batches(augment, channels: int) -> None:
    images = images_of(67, channels)  # not a multiple of any vector length
    whole = augment(images, generator(5))
    for size in (1, 3, 16, 50):
        drawing = generator(5)
        parts = [augment(part, drawing) for part in images.split(size)]
        assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("augment", RANDOM)
def test_results_depend_on_the_generator_and_keep_range_and_input(augment) -> None:
    images = images_of(20, 3)
    before = images.clone()
    first = augment(images, generator(5))
    assert torch.equal(first, augment(images, generator(5)))
    assert not torch.equal(first, augment(images, generator(6)))
    assert torch.equal(images, before)
    assert first.shape == images.shape
    assert first.dtype == images.dtype
    assert -1e-6 <= float(first.min()) <= float(first.max()) <= 1 + 1e-6


def test_angles_are_uniform_in_the_papers_range(monkeypatch: pytest.MonkeyPatch) -> None:
    angles = _values_given_to(monkeypatch, "rotate", random_rotation)
    assert -25 <= float(angles.min()) < -24.9
    assert 24.9 < float(angles.max()) < 25
    _require_uniform((angles + 25) / 50)


def test_sigmas_are_uniform_in_the_papers_range(monkeypatch: pytest.MonkeyPatch) -> None:
    sigmas = _values_given_to(monkeypatch, "gaussian_blur", random_blur)
    assert 0.25 <= float(sigmas.min()) < 0.255
    assert 2.245 < float(sigmas.max()) < 2.25
    _require_uniform((sigmas - 0.25) / 2)


def test_both_draw_angles_and_sigmas_independently(monkeypatch: pytest.MonkeyPatch) -> None:
    angles = _values_given_to(monkeypatch, "rotate", random_rotation_and_blur)
    monkeypatch.undo()
    sigmas = _values_given_to(monkeypatch, "gaussian_blur", random_rotation_and_blur)
    _require_uniform((angles + 25) / 50)
    _require_uniform((sigmas - 0.25) / 2)
    assert abs(float(torch.corrcoef(torch.stack([angles, sigmas]))[0, 1])) < 0.07


def test_both_are_the_rotation_and_then_the_blur() -> None:
    images = images_of(4, 3)
    shares = torch.rand(4, 2, generator=generator(3))
    expected = gaussian_blur(rotate(images, shares[:, 0] * 50 - 25), shares[:, 1] * 2 + 0.25)
    assert torch.equal(random_rotation_and_blur(images, generator(3)), expected)


def _values_given_to(monkeypatch: pytest.MonkeyPatch, name: str, augment) -> torch.Tensor:
    """The values of 5,000 images that `augment` gives to the function `name`."""
    given: list[torch.Tensor] = []

    def keep(images: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        given.append(values)
        return images

    monkeypatch.setattr(f"thinset.transforms.augmentation.{name}", keep)
    augment(torch.rand(5000, 1, 2, 2), generator())
    return given[0]


def _require_uniform(shares: torch.Tensor) -> None:
    # 500 expected in each tenth, with a deviation of 21: five of them.
    counts = torch.histc(shares, 10, 0, 1)
    assert bool(((counts - 500).abs() < 106).all()), counts


@pytest.mark.parametrize(("function", "name"), [(rotate, "degrees"), (gaussian_blur, "sigmas")])
def test_there_is_one_finite_value_per_image(function, name: str) -> None:
    images = images_of(3)
    with pytest.raises(ValueError, match=rf"{name} must hold one value for each of 3 images"):
        function(images, torch.ones(2))
    with pytest.raises(ValueError, match=f"{name} must be finite, got nan"):
        function(images, torch.tensor([1.0, float("nan"), 2.0]))
    with pytest.raises(TypeError, match=r"floating point in \[0, 1\], got torch.uint8"):
        function((images * 255).to(torch.uint8), torch.ones(3))


@pytest.mark.parametrize("sigma", [0.0, -1.0])
def test_a_sigma_is_above_0(sigma: float) -> None:
    with pytest.raises(ValueError, match=f"sigmas must be above 0, got {sigma}"):
        gaussian_blur(images_of(2), torch.tensor([1.0, sigma]))
