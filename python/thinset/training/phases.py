"""Phases of training: which dataset, for how long, at which learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.duration import Duration
from thinset.training.arguments import require_rate, shown
from thinset.training.loop.rates import PartOfRate

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.data.batches import ImageRows
    from thinset.training.loop.rates import LearningRate
    from thinset.training.samplers.orders import Order


class Phase:
    """Training on one dataset for one length.

    `dataset`: a thinset Dataset, or any object with `.images` (N, H, W, C) and `.labels` (N,).
    `length`: a Duration or its text; epochs are this dataset's own. `learning_rate`: None for
    that of the whole training. `order`: what each pass shows; None for everything, shuffled.
    """

    def __init__(
        self,
        name: str,
        dataset: ImageRows,
        length: Duration | str,
        learning_rate: LearningRate | None = None,
        *,
        order: Order | None = None,
    ) -> None:
        self.name = name
        self.dataset = dataset
        self.length = Duration.parse(length)
        if learning_rate is not None:
            require_rate(f"learning_rate of phase {name!r}", learning_rate)
        self.learning_rate = learning_rate
        self.order = order


class TwoPhase:
    """Fast training on a subset, then fine-tuning on everything (the paper's section IV).

    `total`: the length of both together; `split`: the share of it spent on the subset, 0..1 or a
    text such as "50%". In steps and samples the two lengths add up to the total exactly. In epochs
    each phase counts epochs of its own dataset, so that a fast epoch is a short one.

    `learning_rate`: a function of how much of both phases together is done, 0..1. Or one for each
    phase, `fast_learning_rate` and `fine_tuning_learning_rate`: a constant or a function of how
    much of the phase is done. Without any, both phases have the rate that `fit` is called with, as
    in the paper. `fast_order` and `fine_tuning_order`: see Phase.

    `.phases` leaves out a phase of length 0. Raises ValueError for a split outside 0..1, for a
    total of 0, and for a learning rate that is given both as a whole and by phase.
    """

    def __init__(
        self,
        full: ImageRows,
        subset: ImageRows,
        split: float | str,
        total: Duration | str,
        *,
        learning_rate: Callable[[float], float] | None = None,
        fast_learning_rate: LearningRate | None = None,
        fine_tuning_learning_rate: LearningRate | None = None,
        fast_order: Order | None = None,
        fine_tuning_order: Order | None = None,
    ) -> None:
        self.split = parse_share(split)
        self.total = Duration.parse(total)
        fast_length = self.split * self.total
        rates = [fast_learning_rate, fine_tuning_learning_rate]
        if learning_rate is not None:
            if rates != [None, None]:
                raise ValueError("learning_rate is given both for the whole and for a phase")
            if not callable(learning_rate):
                raise ValueError(
                    "learning_rate of TwoPhase must be a function of the progress 0..1, got "
                    f"{shown(learning_rate)}; a constant is given to fit"
                )
            rates = [
                PartOfRate(learning_rate, 0.0, self.split),
                PartOfRate(learning_rate, self.split, 1.0),
            ]
        both = (
            Phase("fast", subset, fast_length, rates[0], order=fast_order),
            Phase("fine-tuning", full, self.total - fast_length, rates[1], order=fine_tuning_order),
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
