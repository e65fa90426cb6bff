from __future__ import annotations

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from thinset.losses.variational import (
    bernoulli_reconstruction,
    gaussian_divergence,
    with_free_bits,
)


def test_divergence_is_that_of_two_normals() -> None:
    torch.manual_seed(0)
    mean, variance = torch.randn(5, 7), torch.rand(5, 7) * 3 + 1e-3
    expected = kl_divergence(Normal(mean, variance.sqrt()), Normal(0.0, 1.0))
    assert torch.allclose(gaussian_divergence(mean, variance), expected, atol=1e-5)
    assert not gaussian_divergence(torch.zeros(2, 3), torch.ones(2, 3)).any()


def test_reconstruction_is_a_bernoulli_likelihood_over_pixels_and_channels() -> None:
    torch.manual_seed(0)
    logits, images = 3 * torch.randn(4, 3, 5, 6), torch.randint(0, 2, (4, 3, 5, 6)).float()
    expected = -Bernoulli(logits=logits).log_prob(images).sum(dim=(1, 2, 3))
    assert torch.allclose(bernoulli_reconstruction(logits, images), expected, rtol=1e-5)
    grey, chance = torch.rand(4, 3, 5, 6), logits.sigmoid()
    expected = -(grey * chance.log() + (1 - grey) * (1 - chance).log()).sum(dim=(1, 2, 3))
    assert torch.allclose(bernoulli_reconstruction(logits, grey), expected, rtol=1e-4)


def test_reconstruction_is_finite_for_any_logits_and_refuses_to_broadcast() -> None:
    logits = torch.full((1, 1, 2, 2), 1e4, dtype=torch.bfloat16)
    loss = bernoulli_reconstruction(logits, torch.zeros(1, 1, 2, 2))
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(4e4, rel=0.01)
    with pytest.raises(ValueError, match=r"\(2, 1, 4, 4\) and \(2, 3, 4, 4\)"):
        bernoulli_reconstruction(torch.zeros(2, 1, 4, 4), torch.zeros(2, 3, 4, 4))


def test_without_free_bits_divergences_are_summed() -> None:
    divergence = torch.tensor([[1.0, 0.1], [3.0, 0.2]])
    assert with_free_bits(divergence, 0.0).tolist() == pytest.approx([1.1, 3.2])


def test_elements_below_the_free_bits_count_them_and_have_no_gradient() -> None:
    """The mean over the batch decides, not each sample."""
    divergence = torch.tensor([[1.0, 0.1, 0.7], [3.0, 0.2, 0.1]], requires_grad=True)
    total = with_free_bits(divergence, 0.5)  # means 2, 0.15, 0.4
    assert total.tolist() == pytest.approx([1.0 + 0.5 + 0.5, 3.0 + 0.5 + 0.5])
    total.sum().backward()
    assert divergence.grad.tolist() == [[1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize("free_nats", [0.0, 0.1, 0.5, 2.0])
def test_free_bits_are_the_larger_of_floor_and_mean(free_nats: float) -> None:
    torch.manual_seed(0)
    divergence = torch.rand(50, 6)
    expected = divergence.mean(dim=0).clamp(min=free_nats).sum()
    assert float(with_free_bits(divergence, free_nats).mean()) == pytest.approx(
        float(expected), rel=1e-5
    )
