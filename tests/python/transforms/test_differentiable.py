from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from oracles import differentiable_augmentation as oracle
from thinset.transforms.differentiable import DifferentiableAugmentation


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images_of(n: int, channels: int = 3, height: int = 8, width: int = 9) -> torch.Tensor:
    return torch.rand(n, channels, height, width, generator=generator(99), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(32, 32), (28, 28), (8, 9), (5, 4)])
def test_equals_the_published_operations(shape: tuple[int, int]) -> None:
    augmentation = DifferentiableAugmentation()
    images = images_of(40, 3, *shape)
    parameters = augmentation.draw(40, generator(1))
    result = augmentation.apply(images, parameters).numpy()
    for image, shares, augmented in zip(images.numpy(), parameters.numpy(), result, strict=True):
        expected = oracle.augmented(2 * image - 1, shares.astype(np.float64))
        np.testing.assert_allclose(2 * augmented - 1, expected, atol=1e-12)


def test_the_papers_range_gives_the_papers_values() -> None:
    paper = DifferentiableAugmentation(value_range=(-1.0, 1.0))
    images, parameters = images_of(10), paper.draw(10, generator(1))
    in_unit_range = DifferentiableAugmentation().apply(images, parameters)
    torch.testing.assert_close(paper.apply(2 * images - 1, parameters), 2 * in_unit_range - 1)


@pytest.mark.parametrize(
    "strategy",
    ["brightness", "saturation", "contrast", "translation", "cutout", "color,translation,cutout"],
)
def test_gradients_of_both_orders_flow_to_the_images(strategy: str) -> None:
    augmentation = DifferentiableAugmentation(strategy)
    images = images_of(2, 2, 4, 4).requires_grad_()
    parameters = augmentation.draw(2, generator(3))

    def squared(images: torch.Tensor) -> torch.Tensor:
        return augmentation.apply(images, parameters).square()

    assert torch.autograd.gradcheck(squared, (images,))
    assert torch.autograd.gradgradcheck(squared, (images,))


def test_the_same_draws_give_real_and_synthetic_images_the_same_change() -> None:
    augmentation = DifferentiableAugmentation()
    parameters = augmentation.draw(6, generator())
    images = images_of(6)
    first = augmentation.apply(images, parameters)
    assert torch.equal(first, augmentation.apply(images.clone(), parameters))
    assert not torch.equal(first, augmentation.apply(images, augmentation.draw(6, generator(1))))


def test_one_row_of_draws_is_for_all_images() -> None:
    augmentation = DifferentiableAugmentation()
    parameters = augmentation.draw(1, generator())
    images = images_of(5)
    expected = augmentation.apply(images, parameters.expand(5, -1))
    assert torch.equal(augmentation.apply(images, parameters), expected)


def test_draws_do_not_depend_on_batch_size_or_strategy() -> None:
    whole = DifferentiableAugmentation().draw(20, generator(4))
    drawing, other = generator(4), DifferentiableAugmentation("cutout")
    parts = torch.cat([other.draw(n, drawing) for n in (1, 16, 3)])
    assert torch.equal(parts, whole)


def test_every_shift_and_every_place_is_equally_likely() -> None:
    images = torch.zeros(6000, 1, 16, 16)
    images[:, :, 8, 8] = 1.0
    parameters = DifferentiableAugmentation().draw(6000, generator())
    moved = DifferentiableAugmentation("translation").apply(images, parameters)
    rows = Counter((moved[:, 0].amax(dim=2) == 1).int().argmax(dim=1).tolist())
    assert set(rows) == {6, 7, 8, 9, 10}
    # 1200 expected of each, with a deviation of 31: five of them.
    assert all(abs(count - 1200) < 155 for count in rows.values())
    covered = DifferentiableAugmentation("cutout", (0.0, 2.0)).apply(
        torch.zeros(6000, 1, 16, 16), parameters
    )
    heights = Counter((covered[:, 0].amax(dim=2) == 1).sum(dim=1).tolist())
    assert set(heights) == {4, 5, 6, 7, 8}  # a square of 8 at the border is cut
    # The centre is at one of 17 places, each of which has a probability of 1/17 = 353 of 6000.
    assert abs(heights[8] - 9 * 353) < 200


def test_what_is_uncovered_or_covered_gets_the_middle_of_the_range() -> None:
    images = torch.zeros(50, 1, 16, 16)
    parameters = DifferentiableAugmentation().draw(50, generator())
    for strategy in ("translation", "cutout"):
        result = DifferentiableAugmentation(strategy, (0.0, 1.0)).apply(images, parameters)
        assert set(result.unique().tolist()) == {0.0, 0.5}


def test_input_is_not_changed() -> None:
    images = images_of(4)
    before = images.clone()
    augmentation = DifferentiableAugmentation()
    augmentation.apply(images, augmentation.draw(4, generator()))
    assert torch.equal(images, before)


@pytest.mark.parametrize("strategy", ["", "colour", "color,flip", "color,,cutout"])
def test_unknown_names_are_refused(strategy: str) -> None:
    with pytest.raises(ValueError, match="strategy must be names among color, brightness"):
        DifferentiableAugmentation(strategy)


def test_other_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match=r"value_range must be \(lowest, highest\), got \(1, 0\)"):
        DifferentiableAugmentation(value_range=(1, 0))
    augmentation = DifferentiableAugmentation()
    with pytest.raises(TypeError, match="floating point, got torch.uint8"):
        augmentation.apply(
            torch.zeros(1, 1, 4, 4, dtype=torch.uint8), augmentation.draw(1, generator())
        )
    with pytest.raises(ValueError, match=r"must have shape \(B, 7\).* got \(3, 2\)"):
        augmentation.apply(images_of(3), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="one for each of 3 images; got 2"):
        augmentation.apply(images_of(3), augmentation.draw(2, generator()))
