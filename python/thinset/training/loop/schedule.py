"""Progress of a run of several phases, in steps or in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.training.arguments import is_number, shown
from thinset.training.phases import Phase, TwoPhase

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Stage:
    """A phase with its length resolved: either `n_steps` or `seconds` is given."""

    phase: Phase
    n_steps: int | None
    seconds: float | None

    def done(self, n_steps: int, seconds: float) -> float:
        """Return the share that is done, 0..1, after `n_steps` and `seconds` in this stage."""
        if self.n_steps is not None:
            return n_steps / self.n_steps
        assert self.seconds is not None
        return min(seconds / self.seconds, 1.0)


class NoTimeLeftError(ValueError):
    """The whole time budget was spent before training."""


class Schedule:
    """The stages of a run, and the progress through them.

    A time budget includes the `seconds_already_spent` before training (embedding, selecting, ...):
    phases limited by time are shortened, all by the same factor, so that they end together with
    the budget. Raises ValueError for no phases and a phase of no length, and NoTimeLeftError where
    nothing of the budget is left.
    """

    def __init__(
        self,
        phases: TwoPhase | Sequence[Phase],
        *,
        batch_size: int,
        seconds_already_spent: float = 0.0,
    ) -> None:
        phases = phases.phases if isinstance(phases, TwoPhase) else tuple(phases)
        if not phases:
            raise ValueError("there must be at least one phase to train")
        for phase in phases:
            if not isinstance(phase, Phase):
                raise ValueError(f"phases must be a TwoPhase or Phases, got {shown(phase)}")
        if not is_number(seconds_already_spent) or not seconds_already_spent >= 0:
            raise ValueError(
                f"seconds_already_spent must be >= 0, got {shown(seconds_already_spent)}"
            )
        for phase in phases:
            if phase.length.amount == 0:
                raise ValueError(f"phase {phase.name!r} must be longer than {phase.length}")
        budget = sum(phase.length.seconds for phase in phases if phase.length.is_time)
        if 0 < budget <= seconds_already_spent:
            raise NoTimeLeftError(
                f"nothing is left to train with: {seconds_already_spent:.1f} s of a budget of "
                f"{budget:.1f} s were spent before"
            )
        remaining = 1 - seconds_already_spent / budget if budget > 0 else 1.0
        self.seconds_already_spent = seconds_already_spent
        self.stages = tuple(_stage(phase, batch_size, remaining) for phase in phases)
        self._weights = _weights(self.stages)

    @property
    def n_steps(self) -> int | None:
        """Steps in all; None where a phase is limited by time."""
        counts = [stage.n_steps for stage in self.stages]
        return None if None in counts else sum(count or 0 for count in counts)

    def progress(self, stage_index: int, done: float) -> float:
        """Return the share of the whole run, 0..1, given the share that is done of one stage."""
        before = sum(self._weights[:stage_index])
        return (before + done * self._weights[stage_index]) / sum(self._weights)


def _stage(phase: Phase, batch_size: int, remaining: float) -> Stage:
    if phase.length.is_time:
        return Stage(phase, None, phase.length.seconds * remaining)
    n_samples = len(phase.dataset.images)
    return Stage(phase, phase.length.n_steps(n_samples, batch_size), None)


def _weights(stages: tuple[Stage, ...]) -> list[float]:
    steps = [stage.n_steps for stage in stages if stage.n_steps is not None]
    seconds = [stage.seconds for stage in stages if stage.seconds is not None]
    if len(steps) == len(stages):
        return [float(n) for n in steps]
    if len(seconds) == len(stages):
        return seconds
    # Steps and seconds cannot be compared before training: all stages weigh the same, except that
    # the few stored steps of a distilled dataset do not count.
    return [0.0 if stage.phase.replays else 1.0 for stage in stages]
