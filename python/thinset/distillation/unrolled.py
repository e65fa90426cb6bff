"""Gradients through a whole training: of the loss at its end, to what was trained on.

Maclaurin et al., "Gradient-based Hyperparameter Optimization through Reversible Learning", 2015;
for distilled images Wang et al., "Dataset Distillation", 2018. Algorithm 2 of the dissertation
"Dataset Distillation with Deep Learning" takes every step from the initial weights, as printed;
here, as in Wang et al., a step starts from the weights that the step before it left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch
from torch.func import functional_call
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import nn

Weights: TypeAlias = "Mapping[str, torch.Tensor]"
"""Parameters of a network by name; those that do not require gradients stay as they are"""


class InnerSteps(NamedTuple):
    """T steps of plain gradient descent on the parts of a synthetic set, which take turns.

    images: (S, B, C, H, W), S parts of B images, as the network takes them; step t, from 0 on,
    trains on part t modulo S. targets: (S, B) int64 classes or (S, B, K) probabilities.
    step_sizes: (T,).
    """

    images: torch.Tensor
    targets: torch.Tensor
    step_sizes: torch.Tensor


class Gradients(NamedTuple):
    """Gradients to InnerSteps, each in the shape of its tensor; None for classes."""

    images: torch.Tensor
    targets: torch.Tensor | None
    step_sizes: torch.Tensor


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """The parameters of `network` by name: leaves that share its memory, to start training from."""
    return {
        name: value.detach().requires_grad_(value.requires_grad)
        for name, value in network.named_parameters()
    }


def trained_weights(
    network: nn.Module, weights: Weights, steps: InnerSteps
) -> Iterator[dict[str, torch.Tensor]]:
    """The weights after each step, from `weights` on, without a graph.

    network: gives logits (B, K) for images (B, C, H, W); its own parameters are not used.
    """
    leaves = _Leaves(steps)
    for number in range(len(leaves.step_sizes)):
        weights = _leaves(_step(network, weights, *leaves.of_step(number), differentiable=False))
        yield dict(weights)


def unrolled_gradients(
    network: nn.Module,
    weights: Weights,
    steps: InnerSteps,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    segment: int | None = None,
) -> tuple[torch.Tensor, Gradients]:
    """The loss of each image (B,) after all steps, and the gradients of their mean to `steps`.

    network, weights: see trained_weights. images: (B, C, H, W); labels: (B,) int64 classes or
    (B, K) probabilities.

    With `segment` None, one graph holds all steps. With a number of steps, only the weights at the
    start of each segment of so many steps are kept, and the graph of a segment is computed again
    when the reverse sweep reaches it: one more forward and backward pass for each step, and memory
    for the graph of one segment. Both give the same gradients, except for rounding.
    """
    leaves = _Leaves(steps)
    if segment is not None:
        losses = _sweep(network, weights, leaves, images, labels, segment=segment)
    else:
        for number in range(len(leaves.step_sizes)):
            weights = _step(network, weights, *leaves.of_step(number), differentiable=True)
        losses = _losses(network, weights, images, labels)
        torch.autograd.backward(losses.mean(), inputs=leaves.learned)
    return losses.detach(), leaves.gradients()


def _sweep(
    network: nn.Module,
    weights: Weights,
    leaves: _Leaves,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    segment: int,
) -> torch.Tensor:
    """Add the gradients to `leaves`, from the last segment to the first; return the losses."""
    n_steps = len(leaves.step_sizes)
    starts = range(0, n_steps, segment)
    kept = []
    for number in range(n_steps):
        if number in starts:
            kept.append(weights)
        weights = _leaves(_step(network, weights, *leaves.of_step(number), differentiable=False))
    losses = _losses(network, weights, images, labels)
    learned = [name for name, value in weights.items() if value.requires_grad]
    torch.autograd.backward(losses.mean(), inputs=[weights[name] for name in learned])
    for start in reversed(starts):
        # How the loss depends on the weights at the end of this segment.
        sensitivity = [_gradient(weights[name]) for name in learned]
        weights = _leaves(kept.pop())
        end = weights
        for number in range(start, min(start + segment, n_steps)):
            end = _step(network, end, *leaves.of_step(number), differentiable=True)
        inputs = leaves.learned if start == 0 else [*leaves.learned, *_learned(weights)]
        torch.autograd.backward([end[name] for name in learned], sensitivity, inputs=inputs)
    return losses


class _Leaves:
    """InnerSteps as leaves of a graph: one for each part and each step size.

    A part is used by several steps; slices of one leaf would add up gradients of the whole set in
    each of them.
    """

    def __init__(self, steps: InnerSteps) -> None:
        self._images = [_leaf(part) for part in steps.images.unbind()]
        self._targets = [
            _leaf(part) if part.is_floating_point() else part for part in steps.targets.unbind()
        ]
        self.step_sizes = [_leaf(size) for size in steps.step_sizes.unbind()]

    def of_step(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The images, targets and size of a step."""
        part = number % len(self._images)
        return self._images[part], self._targets[part], self.step_sizes[number]

    @property
    def learned(self) -> list[torch.Tensor]:
        """All leaves that gradients are wanted of."""
        found = [*self._images, *self._targets, *self.step_sizes]
        return [leaf for leaf in found if leaf.requires_grad]

    def gradients(self) -> Gradients:
        """The gradients that backward passes left in the leaves."""
        images, targets, step_sizes = (
            torch.stack([_gradient(leaf) for leaf in part])
            for part in (self._images, self._targets, self.step_sizes)
        )
        return Gradients(images, targets if targets.is_floating_point() else None, step_sizes)


def _step(
    network: nn.Module,
    weights: Weights,
    images: torch.Tensor,
    targets: torch.Tensor,
    step_size: torch.Tensor,
    *,
    differentiable: bool,
) -> dict[str, torch.Tensor]:
    """The weights after one step of gradient descent on the mean cross-entropy."""
    learned = {name: value for name, value in weights.items() if value.requires_grad}
    gradients = torch.autograd.grad(
        _losses(network, weights, images, targets).mean(),
        list(learned.values()),
        create_graph=differentiable,
        materialize_grads=True,
    )
    moved = {
        name: value - step_size * gradient
        for (name, value), gradient in zip(learned.items(), gradients, strict=True)
    }
    return {**weights, **moved}


def _losses(
    network: nn.Module, weights: Weights, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    logits = functional_call(network, dict(weights), (images,))
    # Not losses.cross_entropy, which computes in float32 whatever it is given.
    return F.cross_entropy(logits, labels, reduction="none")


def _leaf(value: torch.Tensor) -> torch.Tensor:
    return value.detach().requires_grad_()


def _leaves(weights: Weights) -> dict[str, torch.Tensor]:
    return {
        name: value.detach().requires_grad_(value.requires_grad) for name, value in weights.items()
    }


def _learned(weights: Weights) -> list[torch.Tensor]:
    return [value for value in weights.values() if value.requires_grad]


def _gradient(leaf: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
