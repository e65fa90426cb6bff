from __future__ import annotations

from typing import Any

import pytest
import torch

from thinset.transforms.differentiable import DifferentiableAugmentation
from thinset.transforms.siamese import Drawn, SiameseAugmentation

ALL = SiameseAugmentation()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 3, shape: tuple[int, int, int] = (3, 12, 12)) -> torch.Tensor:
    return torch.randn(n, *shape, generator=seeded(7))


def values(*shares: float, n: int = 1) -> torch.Tensor:
    return torch.tensor([[*shares, *[0.5] * (7 - len(shares))]] * n)


def test_one_operation_is_drawn_and_all_are_equally_likely() -> None:
    generator = seeded()
    drawn = [ALL.draw(2, generator) for _ in range(1200)]
    counts = {name: sum(d.operation == name for d in drawn) for name in ALL.operations}
    # Standard deviation of each count: 13.
    assert all(abs(count - 200) < 55 for count in counts.values()), counts
    assert {tuple(d.shares.shape) for d in drawn} == {(2, 7)}
    again = ALL.draw(2, seeded())
    assert (again.operation, again.shares.tolist()) == (
        drawn[0].operation, drawn[0].shares.tolist(),
    )  # fmt: skip


@pytest.mark.parametrize("operation", ALL.operations)
def test_one_draw_augments_every_batch_and_image_alike(operation: str) -> None:
    drawn = Drawn(operation, torch.rand(1, 7, generator=seeded(3)))
    batch = images()
    whole = ALL.apply(batch, drawn)
    assert whole.shape == batch.shape
    for number in range(3):
        torch.testing.assert_close(ALL.apply(batch[number : number + 1], drawn)[0], whole[number])
    # As different images get values of their own.
    own = ALL.apply(batch, Drawn(operation, drawn.shares.expand(3, -1)))
    torch.testing.assert_close(own, whole)


@pytest.mark.parametrize("operation", ALL.operations)
def test_gradients_pass_to_the_images(operation: str) -> None:
    batch = images(2, (1, 5, 6)).double().requires_grad_()
    drawn = Drawn(operation, torch.rand(2, 7, generator=seeded(3)))
    assert torch.autograd.gradcheck(lambda x: ALL.apply(x, drawn), (batch,))


@pytest.mark.parametrize("operation", ["color", "translation", "cutout"])
def test_operations_on_values_are_those_of_standardised_images(operation: str) -> None:
    drawn = Drawn(operation, torch.rand(1, 7, generator=seeded(3)))
    expected = DifferentiableAugmentation(operation, (-1, 1)).apply(images(), drawn.shares)
    torch.testing.assert_close(ALL.apply(images(), drawn), expected)


def test_half_of_the_images_are_mirrored() -> None:
    batch = images(2)
    flipped = ALL.apply(batch, Drawn("flip", torch.cat((values(0.49), values(0.51)))))
    torch.testing.assert_close(flipped[0], batch[0].flip(2))
    torch.testing.assert_close(flipped[1], batch[1])


def place(image: torch.Tensor) -> tuple[float, float]:
    """The mean row and column of what is bright, from the middle of the image."""
    rows, columns = (torch.arange(size) - (size - 1) / 2 for size in image.shape)
    mass = image.sum()
    return float((image.sum(1) * rows).sum() / mass), float((image.sum(0) * columns).sum() / mass)


def test_scaling_keeps_the_middle_and_fills_with_the_mean() -> None:
    spot = torch.zeros(1, 1, 25, 25)
    spot[0, 0, 12 - 6, 12 + 6] = 1
    for share, factor in ((0.0, 1.2), (1.0, 1 / 1.2)):
        scaled = ALL.apply(spot, Drawn("scale", values(share, share)))[0, 0]
        assert place(scaled) == pytest.approx((-6 * factor, 6 * factor), abs=0.15)
    smaller = ALL.apply(torch.ones(1, 1, 25, 25), Drawn("scale", values(1.0, 1.0)))[0, 0]
    assert float(smaller[0].abs().max()) == 0
    assert float(smaller[12, 12]) == 1


@pytest.mark.parametrize("shape", [(25, 25), (25, 49)])
def test_rotation_turns_by_up_to_15_degrees_whatever_the_sides(shape: tuple[int, int]) -> None:
    middle = shape[0] // 2, shape[1] // 2
    spot = torch.zeros(1, 1, *shape)
    spot[0, 0, middle[0], middle[1] + 10] = 1
    for share, angle in ((0.0, 15), (1.0, -15), (0.5, 0)):
        turned = ALL.apply(spot, Drawn("rotate", values(share)))[0, 0]
        row, column = place(turned)
        radians = torch.deg2rad(torch.tensor(float(angle)))
        expected = (float(10 * radians.sin()), float(10 * radians.cos()))
        assert (row, column) == pytest.approx(expected, abs=0.25)


@pytest.mark.parametrize("strategy", ["", "shear", "color,,flip", "color flip"])
def test_unknown_operations_are_refused(strategy: str) -> None:
    with pytest.raises(ValueError, match="strategy must be names among color, translation"):
        SiameseAugmentation(strategy)


@pytest.mark.parametrize("operation", ["flip", "scale", "color"])
def test_values_are_for_one_image_or_for_each(operation: str) -> None:
    drawn: Any = Drawn(operation, values(0.1, n=2))
    with pytest.raises(ValueError, match="for each of 3"):
        ALL.apply(images(), drawn)
