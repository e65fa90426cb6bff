"""The predicted memory is what graphs hold, and decides how they are computed."""

from __future__ import annotations

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from thinset.distillation.unrolled import InnerSteps, unrolled_gradients, weights_of
from thinset.distillation.unrolled_memory import (
    UnrolledMemory,
    choose_segment,
    predicted_memory,
    require_step_sizes,
)
from thinset.models.classifiers.lenet import LeNet

SHAPE = (28, 28, 1)
MB = 10**6
MEMORY = UnrolledMemory(weights=1 * MB, step=9 * MB, outer=20 * MB)
LEAVES = 100 * 2000  # of 100 step sizes


def lenet() -> LeNet:
    return LeNet(SHAPE, 10, generator=torch.Generator().manual_seed(0))


def saved_bytes(n_steps: int, n_images: int, batch_size: int) -> int:
    network = lenet()
    steps = InnerSteps(
        torch.rand(1, n_images, 1, 28, 28),
        torch.arange(n_images)[None] % 10,
        torch.full((n_steps,), 0.02),
    )
    batch = torch.rand(batch_size, 1, 28, 28), torch.arange(batch_size) % 10
    held = {}

    def hold(value: torch.Tensor) -> torch.Tensor:
        held[value.data_ptr()] = value.untyped_storage()
        return value

    with saved_tensors_hooks(hold, lambda value: value):
        unrolled_gradients(network, weights_of(network), steps, *batch)
    return sum(storage.nbytes() for storage in held.values())


@pytest.mark.parametrize(("n_images", "n_steps", "batch_size"), [(10, 12, 64), (30, 5, 16)])
def test_graphs_are_as_large_as_predicted(n_images: int, n_steps: int, batch_size: int) -> None:
    memory = predicted_memory(lenet(), SHAPE, 10, n_images=n_images, batch_size=batch_size)
    measured = saved_bytes(n_steps, n_images, batch_size)
    assert n_steps * memory.step + memory.outer == pytest.approx(measured, rel=0.03)
    assert memory.weights == 4 * 61_706


@pytest.mark.parametrize("n_steps", [1, 3, 50, 1000])
@pytest.mark.parametrize("outer", [1, 20 * MB, 1000 * MB])
def test_the_best_segment_takes_the_least_memory(n_steps: int, outer: int) -> None:
    memory = UnrolledMemory(weights=1 * MB, step=9 * MB, outer=outer)
    segment = memory.best_segment(n_steps)
    least = min(memory.segmented(n_steps, one) for one in range(1, n_steps + 1))
    assert memory.segmented(n_steps, segment) == least


def test_memory_grows_with_the_steps_or_with_their_weights() -> None:
    assert MEMORY.whole(100) == LEAVES + 940 * MB
    assert MEMORY.segmented(100, 3) == LEAVES + 34 * MB + 40 * MB
    assert MEMORY.segmented(100, 10) == LEAVES + 10 * MB + 99 * MB
    assert MEMORY.best_segment(100) == 4


@pytest.mark.parametrize(
    ("checkpointed", "available", "segment"),
    [
        ("auto", None, None),
        ("auto", 941 * MB, None),
        ("auto", 939 * MB, 4),
        (False, 941 * MB, None),
        (False, None, None),
        (True, 941 * MB, 4),
        (True, None, 4),
        (True, 71 * MB, 4),
    ],
)
def test_graphs_are_checkpointed_if_they_do_not_fit(checkpointed, available, segment) -> None:
    assert choose_segment(checkpointed, MEMORY, 100, available) == segment


@pytest.mark.parametrize(
    ("checkpointed", "available", "message"),
    [
        ("auto", 60 * MB, "T = 100 inner steps need about 0.94 GB of memory, and 0.0702 GB when"),
        ("auto", 60 * MB, "only 0.06 GB are available; use fewer steps"),
        (True, 60 * MB, "use fewer steps"),
        (False, 60 * MB, "use fewer steps"),
        (False, 90 * MB, "only 0.09 GB are available; set checkpointed to auto"),
    ],
)
def test_too_many_steps_are_refused(checkpointed, available: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_segment(checkpointed, MEMORY, 100, available)


def test_steps_whose_sizes_alone_do_not_fit_are_refused() -> None:
    require_step_sizes(10**18, None)
    require_step_sizes(1000, 3 * MB)
    with pytest.raises(ValueError, match=r"T = 1,000,000,000,000 inner steps need about 2e\+06 GB"):
        require_step_sizes(10**12, 3 * MB)
