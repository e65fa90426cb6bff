"""Gradients of a classifier's cross-entropy, and their norms; both can be differentiated again.

Gradients with respect to images belong to each image alone if the network treats every image alone,
as it does in evaluation mode. All is computed in at least float32, also within autocast. Labels are
(B,) int64, or probabilities (B, K).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch.func import functional_call
from torch.nn import functional as F

if TYPE_CHECKING:
    from torch import nn

GradientsOf: TypeAlias = Literal["inputs", "weights"]


def input_gradients(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The gradient of the cross-entropy of each image with respect to it, (B, C, H, W).

    It can be differentiated with respect to `images` if they require gradients. Nothing is
    accumulated in the network.
    """
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        points = images if images.requires_grad else images.detach().requires_grad_()
        loss = _cross_entropy(network(points), labels).sum()
        (gradients,) = torch.autograd.grad(loss, points, create_graph=images.requires_grad)
    return gradients


def weight_gradients(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """The gradients of the mean cross-entropy with respect to all parameters, in their order.

    They can be differentiated with respect to `images` if they require gradients. Nothing is
    accumulated in the network.
    """
    # Stand-ins for the weights, so that a later backward pass has no gradients to leave in them.
    weights = {name: w.detach().requires_grad_() for name, w in network.named_parameters()}
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        loss = _cross_entropy(functional_call(network, weights, (images,)), labels).mean()
        return torch.autograd.grad(
            loss,
            tuple(weights.values()),
            create_graph=images.requires_grad,
            materialize_grads=True,
        )


def gradient_difference(
    network: nn.Module,
    generated: torch.Tensor,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    of: GradientsOf = "inputs",
) -> torch.Tensor:
    """Distance between the gradients of generated and of real images, (B,).

    `generated` and `images` are paired by row and share `labels`. `of`: gradients with respect to
    the images, or with respect to the weights; the latter are those of the whole batch, whose
    distance every row gets. Differentiable with respect to `generated` alone. "Dataset distillation
    with deep learning", Eq. 4.4, the norm behind λ.
    """
    images = images.detach()
    if of == "inputs":
        wanted = input_gradients(network, images, labels)
        return norms(input_gradients(network, generated, labels) - wanted)
    wanted_parts = weight_gradients(network, images, labels)
    found_parts = weight_gradients(network, generated, labels)
    parts = [(f - w).flatten() for f, w in zip(found_parts, wanted_parts, strict=True)]
    return norms(torch.cat(parts)[None]).expand(len(generated))


def gradient_magnitude(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    of: GradientsOf = "inputs",
) -> torch.Tensor:
    """Length of the gradients of images, (B,); `of`: as for gradient_difference.

    "Dataset distillation with deep learning", Eq. 4.5, the norm behind λ.
    """
    if of == "inputs":
        return norms(input_gradients(network, images, labels))
    parts = [part.flatten() for part in weight_gradients(network, images, labels)]
    return norms(torch.cat(parts)[None]).expand(len(images))


def norms(values: torch.Tensor) -> torch.Tensor:
    """The Euclidean length of each row, (B, ...) to (B,); its gradient at 0 is 0, not NaN."""
    squares = values.flatten(1).square().sum(dim=1)
    is_zero = squares == 0
    # Both branches of where() are differentiated, so the square root must not see a 0.
    return torch.where(is_zero, squares, torch.where(is_zero, 1, squares).sqrt())


def _cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    values = logits if logits.dtype == torch.float64 else logits.float()
    return F.cross_entropy(values, labels, reduction="none")
