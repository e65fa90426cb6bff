from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from thinset.losses.adversarial import ADVERSARIAL_LOSSES, feature_matching, gradient_penalty
from thinset.training import generator_for

REAL = torch.tensor([-3.0, -0.5, 0.0, 0.7, 4.0])
GENERATED = torch.tensor([2.0, -1.5, 0.0, 0.2, -6.0])


def test_non_saturating_is_binary_cross_entropy() -> None:
    pair = ADVERSARIAL_LOSSES["non_saturating"]
    ones, zeros = torch.ones(5), torch.zeros(5)
    expected = F.binary_cross_entropy(REAL.sigmoid(), ones, reduction="none")
    expected += F.binary_cross_entropy(GENERATED.sigmoid(), zeros, reduction="none")
    assert torch.allclose(pair.discriminator(REAL, GENERATED), expected, atol=1e-6)
    fooled = F.binary_cross_entropy(GENERATED.sigmoid(), ones, reduction="none")
    assert torch.allclose(pair.generator(GENERATED), fooled, atol=1e-5)


def test_hinge_and_wasserstein() -> None:
    hinge, wasserstein = ADVERSARIAL_LOSSES["hinge"], ADVERSARIAL_LOSSES["wasserstein"]
    expected = [max(0, 1 - r) + max(0, 1 + g) for r, g in zip(REAL, GENERATED, strict=True)]
    assert torch.allclose(hinge.discriminator(REAL, GENERATED), torch.tensor(expected))
    assert torch.equal(wasserstein.discriminator(REAL, GENERATED), GENERATED - REAL)
    for pair in (hinge, wasserstein):
        assert torch.equal(pair.generator(GENERATED), -GENERATED)


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_losses_are_finite_and_computed_in_float32(name) -> None:
    pair = ADVERSARIAL_LOSSES[name]
    extreme = torch.tensor([-1e4, 1e4], dtype=torch.bfloat16)
    for loss in (pair.discriminator(extreme, extreme.flip(0)), pair.generator(extreme)):
        assert loss.dtype == torch.float32
        assert loss.shape == (2,)
        assert loss.isfinite().all()


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_each_side_descends_towards_its_end(name) -> None:
    pair = ADVERSARIAL_LOSSES[name]
    real, generated = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    pair.discriminator(real, generated).sum().backward()
    assert float(real.grad) < 0 < float(generated.grad)
    generated.grad = None
    pair.generator(generated).sum().backward()
    assert float(generated.grad) < 0


def test_gradient_penalty_of_a_linear_critic() -> None:
    torch.manual_seed(0)
    slope = torch.randn(1, 2, 4, 4)
    real, generated = torch.rand(2, 6, 2, 4, 4)
    penalties = gradient_penalty(
        lambda points: (points * slope).sum(dim=(1, 2, 3)),
        real,
        generated,
        generator_for(0, "noise"),
    )
    assert penalties.tolist() == pytest.approx([(float(slope.norm()) - 1) ** 2] * 6, rel=1e-5)


def test_gradient_penalty_is_taken_between_the_images() -> None:
    """Of the critic |x|^2 / 2 the gradient is the point itself."""
    real, generated = torch.zeros(500, 1, 1, 1), torch.ones(500, 1, 1, 1)
    seen = []

    def critic(points):
        seen.append(points.detach().flatten())
        return points.square().sum(dim=(1, 2, 3)) / 2

    penalties = gradient_penalty(critic, real, generated, generator_for(0, "noise"))
    (points,) = seen
    assert penalties.tolist() == pytest.approx(((points - 1) ** 2).tolist(), abs=1e-6)
    assert float(points.min()) >= 0
    assert float(points.max()) <= 1
    assert float(points.mean()) == pytest.approx(0.5, abs=0.05)
    assert float(points.var()) == pytest.approx(1 / 12, abs=0.01)


def test_gradient_penalty_trains_the_critic_and_nothing_else() -> None:
    slope = torch.full((1, 1, 2, 2), 2.0, requires_grad=True)  # of norm 4
    generated = torch.ones(3, 1, 2, 2, requires_grad=True)
    gradient_penalty(
        lambda points: (points * slope).sum(dim=(1, 2, 3)),
        torch.zeros(3, 1, 2, 2),
        generated,
        generator_for(0, "noise"),
    ).mean().backward()
    assert generated.grad is None
    # d/ds (|s| - 1)^2 = 2 (|s| - 1) s / |s|
    assert torch.allclose(slope.grad, torch.full_like(slope, 2 * 3 * 2 / 4))


def test_feature_matching_compares_means() -> None:
    real = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    generated = torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 6.0]])
    assert float(feature_matching(real, generated)) == pytest.approx((2 - 1) ** 2 + (1 - 2) ** 2)
    assert float(feature_matching(real, real.flip(0))) == 0
    assert feature_matching(real.bfloat16(), generated.bfloat16()).dtype == torch.float32
