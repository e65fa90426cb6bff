"""The two parts of a variational autoencoder's loss, per image."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def bernoulli_reconstruction(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of images in [0, 1] under Bernoulli pixels, in nats: (B,) float32.

    Both (B, C, H, W); summed over all pixels and channels. Kingma and Welling, "Auto-Encoding
    Variational Bayes", 2014, appendix C.1. Shapes that differ raise ValueError.
    """
    if logits.shape != images.shape:
        raise ValueError(
            "logits and images must have the same shape, got "
            f"{tuple(logits.shape)} and {tuple(images.shape)}"
        )
    losses = F.binary_cross_entropy_with_logits(logits.float(), images.float(), reduction="none")
    return losses.flatten(1).sum(dim=1)


def gaussian_divergence(mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of N(mean, variance) from N(0, 1), in nats, per element.

    All (B, D) float32, variance > 0; sum over the elements for the divergence of a latent. Kingma
    and Welling, "Auto-Encoding Variational Bayes", 2014, appendix B.
    """
    return 0.5 * (mean.square() + variance - variance.log() - 1)


def with_free_bits(divergence: torch.Tensor, free_nats: float) -> torch.Tensor:
    """Sum divergences (B, D) over the elements, of which `free_nats` each are free: (B,).

    An element whose mean over the batch is below that counts `free_nats` and is not pushed further
    towards the prior. Kingma et al., "Improving
    Variational Inference with Inverse Autoregressive Flow", 2016, section 3.3.
    """
    if free_nats == 0:
        return divergence.sum(dim=1)
    is_free = (divergence.mean(dim=0) < free_nats).detach()
    floor = torch.full_like(divergence, free_nats)
    return torch.where(is_free, floor, divergence).sum(dim=1)
