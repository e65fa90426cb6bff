"""Predicts the memory of an unrolled training, before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch.autograd.graph import saved_tensors_hooks

from thinset.distillation.unrolled import InnerSteps, unrolled_gradients, weights_of

if TYPE_CHECKING:
    from torch import nn

Checkpointed: TypeAlias = Literal["auto"] | bool
_GB = 1e9
_LEAF = 2000  # bytes of the objects of a step size and its gradient


@dataclass(frozen=True)
class UnrolledMemory:
    """Bytes that an unrolled training holds.

    weights: one set of weights. step: the graph of one inner step. outer: the graph of the loss on
    the real batch. The backward pass of a graph takes about as much again for what it works on.
    """

    weights: int
    step: int
    outer: int

    def whole(self, n_steps: int) -> int:
        """With one graph of all steps."""
        return n_steps * (self.step + _LEAF) + max(2 * self.outer, self.step)

    def segmented(self, n_steps: int, segment: int) -> int:
        """With graphs of `segment` steps, one at a time, and the weights at the start of each."""
        n_kept = -(-n_steps // segment)
        graph = (min(segment, n_steps) + 1) * self.step
        return n_steps * _LEAF + n_kept * self.weights + max(2 * self.outer, graph)

    def best_segment(self, n_steps: int) -> int:
        """The number of steps in a segment that takes the least memory."""
        # Near the square root where weights and graphs balance, or where the outer graph is filled;
        # longer segments only take more.
        balanced = int((n_steps * self.weights / self.step) ** 0.5)
        most = min(n_steps, 1 + max(balanced, 2 * self.outer // self.step))
        return min(range(1, most + 1), key=lambda segment: self.segmented(n_steps, segment))


def predicted_memory(
    network: nn.Module,
    image_shape: tuple[int, int, int],
    n_classes: int,
    *,
    n_images: int,
    batch_size: int,
) -> UnrolledMemory:
    """What trainings of `network`, which is on the CPU, hold; n_images: in an inner step.

    Measures what the graphs of a few images save, and extrapolates: it grows linearly with the
    images.
    """

    def measured(n_steps: int, n_inner: int, n_outer: int) -> int:
        return _saved_bytes(
            network, image_shape, n_classes, n_steps=n_steps, n_inner=n_inner, n_outer=n_outer
        )

    # The first step is another one: its weights are the network's own.
    least = measured(2, 2, 2)
    step = measured(3, 2, 2) - least
    inner_image = (measured(3, 4, 2) - least - step) // 6
    outer_image = (measured(2, 2, 4) - least) // 2
    weights = sum(value.nbytes for value in network.parameters())
    return UnrolledMemory(
        weights,
        max(1, step + (n_images - 2) * inner_image),
        batch_size * outer_image + weights,
    )


def choose_segment(
    checkpointed: Checkpointed, memory: UnrolledMemory, n_steps: int, available: int | None
) -> int | None:
    """The `segment` of unrolled_gradients that fits into `available` bytes.

    checkpointed: whether to compute in segments; "auto" where one graph of all steps does not fit.
    None for `available` if that is unknown. Raises ValueError, before anything is computed, where
    the memory is not enough.
    """
    segment = memory.best_segment(n_steps)
    whole, segmented = memory.whole(n_steps), memory.segmented(n_steps, segment)
    needed = {True: segmented, False: whole, "auto": min(whole, segmented)}[checkpointed]
    if available is not None and needed > available:
        hint = (
            f"set checkpointed to auto, which needs about {segmented / _GB:.3g} GB"
            if segmented <= available
            else "use fewer steps (n_steps, n_epochs), fewer images, or a smaller network or "
            "batch_size"
        )
        raise ValueError(
            f"T = {n_steps} inner steps need about {whole / _GB:.3g} GB of memory, and "
            f"{segmented / _GB:.3g} GB when checkpointed, but only {available / _GB:.3g} GB are "
            f"available; {hint}"
        )
    if checkpointed == "auto":
        return None if available is None or whole <= available else segment
    return segment if checkpointed else None


def require_step_sizes(n_steps: int, available: int | None) -> None:
    """Raise ValueError for more inner steps than `available` bytes hold the mere step sizes of.

    Before anything is allocated; choose_segment counts the rest. None for `available` if unknown.
    """
    needed = n_steps * _LEAF
    if available is not None and needed > available:
        raise ValueError(
            f"T = {n_steps:,} inner steps need about {needed / _GB:.3g} GB of memory for their "
            f"step sizes alone, but only {available / _GB:.3g} GB are available; use fewer steps "
            "(n_steps, n_epochs)"
        )


def _saved_bytes(
    network: nn.Module,
    image_shape: tuple[int, int, int],
    n_classes: int,
    *,
    n_steps: int,
    n_inner: int,
    n_outer: int,
) -> int:
    """The bytes that the graph of `n_steps` steps on `n_inner` images each saves."""
    height, width, channels = image_shape
    generator = torch.Generator().manual_seed(0)
    dtype = next(network.parameters()).dtype

    def images(*sizes: int) -> torch.Tensor:
        shape = (*sizes, channels, height, width)
        return torch.rand(shape, generator=generator, dtype=dtype)

    def labels(*sizes: int) -> torch.Tensor:
        return torch.randint(n_classes, sizes, generator=generator)

    steps = InnerSteps(
        images(n_steps, n_inner),
        labels(n_steps, n_inner),
        torch.full((n_steps,), 0.01, dtype=dtype),
    )
    outer_images, outer_labels = images(n_outer), labels(n_outer)
    held: dict[int, torch.UntypedStorage] = {}

    def hold(value: torch.Tensor) -> torch.Tensor:
        storage = value.untyped_storage()
        held[id(storage)] = storage  # the same object for as long as one refers to it
        return value

    with saved_tensors_hooks(hold, lambda value: value):
        unrolled_gradients(network, weights_of(network), steps, outer_images, outer_labels)
    return sum(storage.nbytes() for storage in held.values())
