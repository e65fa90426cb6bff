"""What happened during training, as plain JSON-able records."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CurvePoint:
    """One evaluation.

    `step`, `samples`, `epoch`: how far training was: steps and samples in all, and epochs of the
    phase's own dataset since the phase began. `seconds`: wall-clock time since the start, training
    and evaluation, and what was spent before it. `train_loss`: mean over the steps since the last
    point. `test_loss` and `test_accuracy` (0..1): of the averaged weights; None where there is no
    test data or nothing to be right about.
    """

    step: int
    samples: int
    epoch: float
    seconds: float
    phase: str
    train_loss: float
    test_loss: float | None
    test_accuracy: float | None


@dataclass
class PhaseTotals:
    """How much training a phase got; its seconds leave evaluation and checkpoints out."""

    name: str
    dataset: str
    steps: int = 0
    seconds: float = 0.0


@dataclass
class History:
    """The course of one training run.

    `seconds`: wall-clock time in all, that of training and evaluation plus what was spent before;
    `evaluation_seconds` and `data_wait_seconds` (fetching batches) are parts of it.
    """

    curve: list[CurvePoint] = field(default_factory=list)
    phases: list[PhaseTotals] = field(default_factory=list)
    steps: int = 0
    samples: int = 0
    seconds: float = 0.0
    evaluation_seconds: float = 0.0
    data_wait_seconds: float = 0.0

    @property
    def training_seconds(self) -> float:
        """Seconds spent in steps, over all phases."""
        return sum(phase.seconds for phase in self.phases)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, texts and finite numbers, ready for strict JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> History:
        """Rebuild what `to_dict` gave; ValueError where keys are missing or unknown."""
        try:
            return cls(
                **{
                    **content,
                    "curve": [CurvePoint(**point) for point in content["curve"]],
                    "phases": [PhaseTotals(**phase) for phase in content["phases"]],
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not the content of a training history: {error}") from error
