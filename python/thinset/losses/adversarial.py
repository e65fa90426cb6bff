"""Losses of generative adversarial networks, from logits that are high for real images.

Each pair gives one loss per image, (B,) float32: the discriminator's, from the logits of real and
of generated images, and the generator's, from those of generated images.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AdversarialLoss: TypeAlias = Literal["non_saturating", "hinge", "wasserstein"]


class LossPair(NamedTuple):
    """What the two networks minimise; see the module."""

    discriminator: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    generator: Callable[[torch.Tensor], torch.Tensor]


def _non_saturating_discriminator(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    return F.softplus(-real.float()) + F.softplus(generated.float())


def _non_saturating_generator(generated: torch.Tensor) -> torch.Tensor:
    return F.softplus(-generated.float())


def _hinge_discriminator(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    return F.relu(1 - real.float()) + F.relu(1 + generated.float())


def _wasserstein_discriminator(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    return generated.float() - real.float()


def _negated(generated: torch.Tensor) -> torch.Tensor:
    return -generated.float()


ADVERSARIAL_LOSSES: Mapping[AdversarialLoss, LossPair] = MappingProxyType(
    {
        # Goodfellow et al., "Generative Adversarial Nets", 2014, section 3; the paper's.
        "non_saturating": LossPair(_non_saturating_discriminator, _non_saturating_generator),
        # Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
        "hinge": LossPair(_hinge_discriminator, _negated),
        # Gulrajani et al., "Improved Training of Wasserstein GANs", 2017; needs gradient_penalty.
        "wasserstein": LossPair(_wasserstein_discriminator, _negated),
    }
)


def gradient_penalty(
    discriminate: Callable[[torch.Tensor], torch.Tensor],
    real: torch.Tensor,
    generated: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Squared distance of the gradient norm from 1, at points between the images: (B,) float32.

    `discriminate` scores images (B, C, H, W) independently of one another: no batch norm.
    `generator` draws one uniform point on each line from `real` to `generated`. Gulrajani et al.,
    "Improved Training of Wasserstein GANs", 2017, Eq. 3, without the factor.
    """
    shares = torch.rand(len(real), 1, 1, 1, generator=generator, device=generator.device)
    points = torch.lerp(real, generated, shares.to(real.device)).detach().requires_grad_()
    logits = discriminate(points)
    (gradients,) = torch.autograd.grad(logits.sum(), points, create_graph=True)
    norms: torch.Tensor = gradients.float().flatten(1).norm(dim=1)
    return (norms - 1).square()


def feature_matching(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """Squared distance between the mean features of real and generated images, a 0-d tensor.

    Features (B, D) of a discriminator. Salimans et al., "Improved Techniques for Training GANs",
    2016, section 3.1.
    """
    return (real.float().mean(dim=0) - generated.float().mean(dim=0)).square().sum()
