"""The stored steps of a distilled dataset: the rows of each, and its step size."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch

from thinset.data.batches import ShuffledPasses
from thinset.files.decoding import encode

if TYPE_CHECKING:
    from thinset.data.batches import ImageRows
    from thinset.data.schedule import TrainingSchedule


class StoredSteps:
    """An order whose passes are the steps of a schedule: the rows of each step, in their order."""

    def __init__(self, schedule: TrainingSchedule) -> None:
        self._schedule = schedule

    def __repr__(self) -> str:
        return f"StoredSteps({_described(self._schedule)})"

    def over(self, dataset: ImageRows) -> StoredPasses:
        """Raise ValueError if a step shows rows that the dataset lacks."""
        self._schedule.require_rows(len(dataset.images))
        return StoredPasses(self._schedule)


class StepSizes:
    """A learning rate: the step size of each step of a schedule, by the share that is done."""

    def __init__(self, schedule: TrainingSchedule) -> None:
        self._schedule = schedule

    def __repr__(self) -> str:
        return f"StepSizes({_described(self._schedule)})"

    def __call__(self, progress: float) -> float:
        # The share after n of N steps is n / N; rounding gives n again.
        number = round(progress * self._schedule.n_steps)
        return self._schedule.step(min(number, self._schedule.n_steps - 1)).step_size


class StoredPasses(ShuffledPasses):
    """One pass for each step of the schedule; nothing is drawn."""

    def __init__(self, schedule: TrainingSchedule) -> None:
        self._schedule = schedule
        self._number = torch.tensor(-1)  # of the pass under way

    def begin(self, progress: float) -> None:  # noqa: ARG002
        """Move to the next step."""
        self._number += 1

    def draw(self, generator: torch.Generator) -> tuple[torch.Tensor, None]:  # noqa: ARG002
        """Rows start..stop-1 of the step."""
        return torch.arange(*self._schedule.step(int(self._number)).rows), None

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The number of the step."""
        return {"number": self._number.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Go back to what `state_dict` gave."""
        self._number = state["number"].clone()


def _described(schedule: TrainingSchedule) -> str:
    text = json.dumps(encode(schedule), sort_keys=True)
    return f"{schedule.n_steps} steps, sha256={hashlib.sha256(text.encode()).hexdigest()}"
