from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from oracles import traditional_augmentation as oracle
from thinset.transforms import TestTransform, TrainTransform
from thinset.transforms.training import (
    center_crop,
    random_brightness,
    random_contrast,
    random_crop,
    random_flip,
    standardise,
    to_unit_range,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_images(n: int, channels: int, height: int, width: int) -> torch.Tensor:
    return torch.randint(
        0, 256, (n, channels, height, width), dtype=torch.uint8, generator=generator(99)
    )


@pytest.mark.parametrize("channels_last", [False, True])
def test_random_crop_takes_one_window_of_each_image(channels_last: bool) -> None:
    images = random_images(50, 3, 7, 6)
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    crops = random_crop(images, 4, generator())
    assert crops.shape == (50, 3, 4, 4)
    assert crops.dtype == torch.uint8
    for image, crop in zip(images.numpy(), crops.numpy(), strict=True):
        assert any(np.array_equal(crop, window) for window in oracle.windows(image, 4))


def test_padded_images_move_by_at_most_the_padding() -> None:
    images = torch.full((400, 1, 5, 7), 255, dtype=torch.uint8)
    moved = TrainTransform(padding=2, standardise=False)(images, generator())
    assert moved.shape == images.shape
    rows, columns = moved[:, 0].amax(2).sum(1), moved[:, 0].amax(1).sum(1)
    assert set(rows.tolist()) == {3.0, 4.0, 5.0}
    assert set(columns.tolist()) == {5.0, 6.0, 7.0}
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    cropped = TrainTransform(padding=2, crop=6, standardise=False)(images, generator())
    assert cropped.shape == (400, 1, 6, 6)
    with pytest.raises(ValueError, match="padding must be at least 0, got -1"):
        TrainTransform(padding=-1)


def test_a_window_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="crop must be at most 5 x 7 pixels .* got 6 x 7"):
        random_crop(random_images(2, 1, 5, 7), (6, 7), generator())


def test_random_crop_takes_every_position_equally_often() -> None:
    images = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4).expand(9000, 1, 4, 4)
    corners = Counter(random_crop(images, 2, generator())[:, 0, 0, 0].tolist())
    assert set(corners) == {0, 1, 2, 4, 5, 6, 8, 9, 10}
    # 1000 expected of each, with a deviation of 30: five of them.
    assert all(abs(count - 1000) < 150 for count in corners.values())


def test_crop_of_the_whole_image_changes_nothing() -> None:
    images = random_images(3, 3, 5, 5)
    assert torch.equal(random_crop(images, 5, generator()), images)
    assert torch.equal(center_crop(images, 5), images)


def test_center_crop_leaves_the_spare_row_at_the_bottom() -> None:
    images = torch.arange(25).view(1, 1, 5, 5)
    assert center_crop(images, 2)[0, 0].tolist() == [[6, 7], [11, 12]]


@pytest.mark.parametrize("size", [0, 6])
def test_crop_must_fit(size: int) -> None:
    with pytest.raises(ValueError, match=f"between 1 and 5 pixels, got {size}"):
        random_crop(random_images(1, 1, 5, 9), size, generator())
    with pytest.raises(ValueError, match=f"between 1 and 5 pixels, got {size}"):
        center_crop(random_images(1, 1, 5, 9), size)


def test_random_flip_mirrors_about_half_of_the_images_left_to_right() -> None:
    images = random_images(2000, 1, 2, 3)
    flipped = random_flip(images, generator())
    is_same = (flipped == images).flatten(1).all(dim=1)
    is_mirrored = (flipped == images.flip(3)).flatten(1).all(dim=1)
    assert bool((is_same | is_mirrored).all())
    # 1000 expected, with a deviation of 22: five of them; symmetric images count as both.
    assert abs(int((~is_same).sum()) - 1000) < 115


def test_random_brightness_shifts_each_image_by_one_value_in_the_range() -> None:
    images = torch.rand(4000, 2, 3, 3, generator=generator(1))
    shifts = random_brightness(images, 0.25, generator()) - images
    assert float((shifts - shifts[:, :1, :1, :1]).abs().max()) < 1e-6
    assert -0.25 <= float(shifts.min()) < -0.24
    assert 0.24 < float(shifts.max()) < 0.2501


def test_random_contrast_keeps_channel_means_and_scales_about_them() -> None:
    images = torch.rand(4000, 2, 3, 3, generator=generator(1))
    changed = random_contrast(images, 0.2, 1.8, generator())
    means = images.mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(changed.mean(dim=(2, 3), keepdim=True), means)
    factors = ((changed - means) * (images - means)).sum((1, 2, 3)) / (
        (images - means).square().sum((1, 2, 3))
    )
    torch.testing.assert_close(changed, means + factors[:, None, None, None] * (images - means))
    assert 0.199 < float(factors.min()) < 0.21
    assert 1.79 < float(factors.max()) < 1.801


def test_standardise_equals_the_definition() -> None:
    images = torch.rand(5, 3, 6, 4, generator=generator(1))
    expected = np.stack([oracle.standardised(image) for image in images.numpy()])
    np.testing.assert_allclose(standardise(images).numpy(), expected, rtol=1e-5, atol=2e-6)


def test_standardise_divides_by_no_less_than_the_floor() -> None:
    images = 0.3 + 1e-4 * torch.rand(1, 3, 6, 4, generator=generator(1))
    floor = 72**-0.5 / 255
    rounding = 0.3 * np.finfo(np.float32).eps / floor
    expected = oracle.standardised(images[0].numpy())
    assert np.abs(expected).max() > 100 * rounding
    np.testing.assert_allclose(standardise(images)[0].numpy(), expected, atol=2 * rounding)


def test_standardise_makes_a_flat_image_zero() -> None:
    flat = torch.full((1, 3, 4, 4), 0.5)
    assert torch.equal(standardise(flat), torch.zeros_like(flat))


def test_to_unit_range_maps_255_to_1_and_keeps_floats() -> None:
    assert to_unit_range(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == (
        pytest.approx([0.0, 0.2, 1.0])
    )
    assert to_unit_range(torch.tensor([0.25])).tolist() == [0.25]
    with pytest.raises(TypeError, match="got torch.int32"):
        to_unit_range(torch.tensor([1], dtype=torch.int32))


PAPER = TrainTransform(crop=24, flip=True, brightness=63 / 255, contrast=(0.2, 1.8))


def test_train_transform_with_everything_gives_standardised_crops() -> None:
    augmented = PAPER(random_images(8, 3, 32, 32), generator())
    assert augmented.shape == (8, 3, 24, 24)
    assert augmented.dtype == torch.float32
    assert float(augmented.mean(dim=(1, 2, 3)).abs().max()) < 1e-5
    torch.testing.assert_close(augmented.std(dim=(1, 2, 3), correction=0), torch.ones(8))


def test_train_transform_repeats_with_an_equal_generator_only() -> None:
    images = random_images(8, 3, 32, 32)
    first = PAPER(images, generator(5))
    assert torch.equal(first, PAPER(images, generator(5)))
    assert not torch.equal(first, PAPER(images, generator(6)))


def test_train_transform_with_nothing_only_scales() -> None:
    images = random_images(4, 1, 8, 8)
    assert torch.equal(TrainTransform(standardise=False)(images, generator()), images / 255)


def test_transforms_do_not_change_their_input() -> None:
    images = torch.rand(4, 3, 32, 32, generator=generator(1))
    before = images.clone()
    PAPER(images, generator())
    TestTransform(24)(images)
    assert torch.equal(images, before)


def test_test_transform_standardises_the_central_crop() -> None:
    images = random_images(4, 3, 32, 32)
    expected = standardise(to_unit_range(images[:, :, 4:28, 4:28]))
    assert torch.equal(TestTransform(24)(images), expected)


def test_ranges_are_checked() -> None:
    with pytest.raises(ValueError, match="brightness must be at least 0, got -1"):
        TrainTransform(brightness=-1)
    with pytest.raises(ValueError, match=r"contrast must be .* got \(1.8, 0.2\)"):
        TrainTransform(contrast=(1.8, 0.2))
