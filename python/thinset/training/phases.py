"""Phases of training: which dataset, for how long, at which learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.duration import Duration
from thinset.training.arguments import is_number, require_rate, shown
from thinset.training.loop.rates import PartOfRate
from thinset.training.samplers.stored_steps import StepSizes, StoredSteps

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.data.batches import ImageRows
    from thinset.data.schedule import TrainingSchedule
    from thinset.training.loop.rates import LearningRate
    from thinset.training.samplers.orders import Order


REPLAY = "replay"
"""The name of the phase that TwoPhase makes of stored steps"""


class Phase:
    """Training on one dataset for one length.

    `dataset`: a thinset Dataset, or any object with `.images` (N, H, W, C) and `.labels` (N,).
    `length`: a Duration or its text; epochs are this dataset's own. `learning_rate`: None for
    that of the whole training. `order`: what each pass shows; None for everything, shuffled.
    """

    replays = False
    """Whether the phase is the stored steps of a distilled dataset"""

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


class Replay(Phase):
    """Training on a distilled dataset by its stored steps, all of them, once.

    Each step is plain gradient descent with its stored step size, on its stored rows and on soft
    labels where there are any: no shuffling, no random transform, no momentum, no weight decay, and
    the averaged weights are those of the last step. Other settings of a training apply to its other
    phases only. If the next phase is limited by time, the time of these steps is part of it.

    `dataset`: with a `schedule`, as thinset.open_dataset gives it. Raises ValueError without one.
    """

    replays = True

    def __init__(self, name: str, dataset: ImageRows) -> None:
        schedule = schedule_of(dataset)
        if schedule is None:
            raise ValueError(
                f"{_name_of(dataset)} has no stored step sizes to replay; train on it with Phase"
            )
        super().__init__(
            name,
            dataset,
            Duration(schedule.n_steps, "st"),
            StepSizes(schedule),
            order=StoredSteps(schedule),
        )


class StepSizesUnusedWarning(UserWarning):
    """A distilled dataset is trained on without the step sizes that are stored with it."""

    @classmethod
    def about(cls, dataset: ImageRows) -> StepSizesUnusedWarning:
        """What to do instead."""
        return cls(
            f"the stored step sizes of {_name_of(dataset)} are not used: it is trained on like any "
            "other dataset, which usually scores lower. To train by its stored steps, use "
            "thinset.training.Replay, TwoPhase(..., replay=True) or `thinset train`"
        )


def schedule_of(dataset: ImageRows) -> TrainingSchedule | None:
    """The stored steps of a distilled dataset; None for any other."""
    schedule: TrainingSchedule | None = getattr(dataset, "schedule", None)
    return schedule


class TwoPhase:
    """Fast training on a subset, then fine-tuning on everything (the paper's section IV).

    `total`: the length of both together; `split`: the share of it spent on the subset, 0..1 or a
    text such as "50%". In steps and samples the two lengths add up to the total exactly. In epochs
    each phase counts epochs of its own dataset, so that a fast epoch is a short one.

    `learning_rate`: a function of how much of both phases together is done, 0..1. Or one for each
    phase, `fast_learning_rate` and `fine_tuning_learning_rate`: a constant or a function of how
    much of the phase is done. Without any, both phases have the rate that `fit` is called with, as
    in the paper. `fast_order` and `fine_tuning_order`: see Phase.

    `replay`: the subset is a distilled dataset, and the first phase is a Replay of it, whatever the
    split. Fine-tuning gets the rest of the total, or nothing with a split of 1. In epochs, the
    stored steps count as the share of an epoch over everything that they show. `learning_rate` then
    is that of fine-tuning alone.

    `.phases` leaves out a phase of length 0. Raises ValueError for a split outside 0..1, for a
    total of 0, and for a learning rate that is given both as a whole and by phase. With `replay`,
    also for a subset without stored steps, for a rate or an order of the fast phase, and for a
    total that is not longer than the stored steps.
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
        replay: bool = False,
    ) -> None:
        self.split = parse_share(split)
        self.total = Duration.parse(total)
        rates = [fast_learning_rate, fine_tuning_learning_rate]
        if learning_rate is not None:
            if rates != [None, None]:
                raise ValueError("learning_rate is given both for the whole and for a phase")
            if not callable(learning_rate):
                raise ValueError(
                    "learning_rate of TwoPhase must be a function of the progress 0..1, got "
                    f"{shown(learning_rate)}; a constant is given to fit"
                )
        if replay and self.split > 0:
            if fast_learning_rate is not None or fast_order is not None:
                raise ValueError(
                    "fast_learning_rate and fast_order do not apply to a replay: the rates and the "
                    "order are stored with the subset"
                )
            first = Replay(REPLAY, subset)
            self.phases: tuple[Phase, ...] = (first,)
            if self.split < 1:
                rate = fine_tuning_learning_rate if learning_rate is None else learning_rate
                rest = _after_replay(self.total, subset, full)
                self.phases += (Phase("fine-tuning", full, rest, rate, order=fine_tuning_order),)
            return
        fast_length = self.split * self.total
        if learning_rate is not None:
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


def _after_replay(total: Duration, subset: ImageRows, full: ImageRows) -> Duration:
    """What the stored steps of `subset` leave of the total length."""
    schedule = schedule_of(subset)
    assert schedule is not None
    if total.is_time:
        return total  # the clock counts the time of the stored steps
    used = {
        "st": float(schedule.n_steps),
        "sa": float(schedule.n_samples),
        "ep": schedule.n_samples / len(full.images),
    }[total.unit]
    if used >= total.amount:
        raise ValueError(
            f"the total must be longer than the {schedule.n_steps} stored steps of "
            f"{_name_of(subset)}, which are {used:g}{total.unit}; got {total}. A split of 1 trains "
            "by the stored steps alone"
        )
    return total - Duration(used, total.unit)


def _name_of(dataset: ImageRows) -> str:
    return str(getattr(dataset, "name", "the dataset"))


def parse_share(share: float | str) -> float:
    """Read a share of a whole: a number from 0 to 1, or a percentage such as "50%"."""
    value = share
    if isinstance(value, str):
        try:
            is_percentage = value.strip().endswith("%")
            value = float(value.strip().removesuffix("%")) / (100 if is_percentage else 1)
        except ValueError:
            value = -1.0
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"split must be from 0 to 1, or from '0%' to '100%', got {shown(share)}")
    return float(value)
