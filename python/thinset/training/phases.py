"""Phases of training: which dataset, for how long, at which learning rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.training.duration import Duration

if TYPE_CHECKING:
    from thinset.data.batches import ImageArrays

LearningRate = float | Callable[[float], float]
"""A constant, or a function of how much of the phase is done, from 0 to 1."""


@dataclass(frozen=True)
class LinearRate:
    """A learning rate that goes in a straight line from `start` to `end` over its phase."""

    start: float
    end: float

    def __call__(self, progress: float) -> float:
        return self.start + (self.end - self.start) * progress


class Phase:
    """Training on one dataset for one length.

    `dataset`: a thinset Dataset, or any object with `.images` (N, H, W, C) and `.labels` (N,).
    `length`: a Duration or its text; epochs are this dataset's own. `learning_rate`: None for
    that of the whole training.
    """

    def __init__(
        self,
        name: str,
        dataset: ImageArrays,
        length: Duration | str,
        learning_rate: LearningRate | None = None,
    ) -> None:
        self.name = name
        self.dataset = dataset
        self.length = Duration.parse(length)
        self.learning_rate = learning_rate


class TwoPhase:
    """Fast training on a subset, then fine-tuning on everything (the paper's section IV).

    `total`: the length of both together; `split`: the share of it spent on the subset, 0..1 or a
    text such as "50%". In steps and samples the two lengths add up to the total exactly. In epochs
    each phase counts epochs of its own dataset, so that a fast epoch is a short one. The learning
    rates are per phase; None keeps that of the whole training, the same in both, as in the paper.

    `.phases` leaves a phase of no length out. Raises ValueError for a split outside 0..1 and for a
    total of nothing.
    """

    def __init__(
        self,
        full: ImageArrays,
        subset: ImageArrays,
        split: float | str,
        total: Duration | str,
        *,
        fast_learning_rate: LearningRate | None = None,
        fine_tuning_learning_rate: LearningRate | None = None,
    ) -> None:
        self.split = parse_share(split)
        self.total = Duration.parse(total)
        fast_length = self.split * self.total
        both = (
            Phase("fast", subset, fast_length, fast_learning_rate),
            Phase("fine-tuning", full, self.total - fast_length, fine_tuning_learning_rate),
        )
        self.phases = tuple(phase for phase in both if phase.length.amount > 0)
        if not self.phases:
            raise ValueError(f"the total length of training must be more than 0, got {self.total}")


def parse_share(share: float | str) -> float:
    """Read a share of a whole: a number from 0 to 1, or a percentage such as "50%"."""
    value = share
    if isinstance(value, str):
        try:
            is_percentage = value.strip().endswith("%")
            value = float(value.strip().removesuffix("%")) / (100 if is_percentage else 1)
        except ValueError:
            value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"split must be from 0 to 1, or from '0%' to '100%', got {share!r}")
    return value
