"""The order and the step sizes in which a distilled dataset is to be trained on."""

from __future__ import annotations

from typing import Annotated

import msgspec

from thinset.files.decoding import Count, Positive

LARGEST_STEP_SIZE = 1e3
"""Above this, the step sizes of a distillation run away, and nothing is learned"""
MOST_STEPS = 1_000_000
"""Of a schedule; distillation stores tens to thousands"""


class ScheduleStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One gradient step: the rows start..stop-1 of the dataset, and the step size.

    `step_size` is the learning rate of plain gradient descent, above 0 and at most 1,000.
    Raises ValueError if `rows` are empty or a number is out of range.
    """

    rows: tuple[Count, Count]
    step_size: Annotated[float, msgspec.Meta(gt=0)]

    def __post_init__(self) -> None:
        start, stop = self.rows
        if not 0 <= start < stop:
            raise ValueError(f"rows must be (start, stop) with 0 <= start < stop, got {self.rows}")
        if not 0 < self.step_size <= LARGEST_STEP_SIZE:
            raise ValueError(
                f"step_size must be above 0 and at most {LARGEST_STEP_SIZE:g}, got {self.step_size}"
            )


class TrainingSchedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The gradient steps that a dataset was distilled for, in order, all done `repeats` times.

    Step sizes that differ from one repetition to the next are steps of their own. Raises ValueError
    without steps, for `repeats` below 1, and for more than a million steps in all.
    """

    steps: tuple[ScheduleStep, ...]
    repeats: Positive = 1

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("steps must hold at least one step")
        if self.repeats < 1:
            raise ValueError(f"repeats must be at least 1, got {self.repeats}")
        if self.n_steps > MOST_STEPS:
            raise ValueError(
                f"{len(self.steps)} steps, repeated {self.repeats} times, must be at most "
                f"{MOST_STEPS:,} in all, got {self.n_steps:,}"
            )

    @property
    def n_steps(self) -> int:
        """Gradient steps in all, repetitions included."""
        return len(self.steps) * self.repeats

    @property
    def n_samples(self) -> int:
        """Samples shown in all steps, each as often as it is shown."""
        return self.repeats * sum(stop - start for start, stop in (s.rows for s in self.steps))

    def step(self, number: int) -> ScheduleStep:
        """Step `number`, from 0 on, of all n_steps."""
        return self.steps[number % len(self.steps)]

    def require_rows(self, n_samples: int) -> None:
        """Raise ValueError, naming the step, if one shows rows that the dataset lacks."""
        for number, step in enumerate(self.steps):
            if step.rows[1] > n_samples:
                raise ValueError(
                    f"schedule.steps[{number}].rows must be in 0..{n_samples}, "
                    f"got {list(step.rows)}"
                )
