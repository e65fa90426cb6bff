"""The course of a training, as plain JSON-able records."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

_OLD_SCORES = {"test_loss": "loss", "test_accuracy": "accuracy"}


@dataclass(frozen=True)
class Evaluation:
    """One evaluation during a training.

    `step`, `samples`, `epoch`: how far training was: steps and samples in all, and epochs of the
    phase's own dataset since the phase began. `seconds`: wall-clock time since the start, training
    and evaluation, and what was spent before it. `train_loss`: mean over the steps since the last
    evaluation. `scores` and `validation_scores`: metrics by name on test and validation data, as
    the learner's `score` gives them; empty where there is no such data.
    """

    step: int
    samples: int
    epoch: float
    seconds: float
    phase: str
    train_loss: float
    scores: dict[str, float] = field(default_factory=dict)
    validation_scores: dict[str, float] = field(default_factory=dict)

    @property
    def test_loss(self) -> float | None:
        """The loss on test data; None if there is no such score."""
        return self.scores.get("loss")

    @property
    def test_accuracy(self) -> float | None:
        """The accuracy on test data, 0..1; None if there is no such score."""
        return self.scores.get("accuracy")


@dataclass
class PhaseTotals:
    """How much training a phase got; its seconds leave evaluation and checkpoints out."""

    name: str
    dataset: str
    steps: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Best:
    """The best evaluation on validation data: the deciding metric, its score, and the step."""

    metric: str
    score: float
    step: int


@dataclass
class History:
    """The course of one training run.

    `seconds`: wall-clock time in all, that of training and evaluation plus what was spent before;
    `evaluation_seconds` and `data_wait_seconds` (fetching batches) are parts of it. `best`: which
    evaluation's weights were kept; None where those of the end were.
    """

    curve: list[Evaluation] = field(default_factory=list)
    phases: list[PhaseTotals] = field(default_factory=list)
    steps: int = 0
    samples: int = 0
    seconds: float = 0.0
    evaluation_seconds: float = 0.0
    data_wait_seconds: float = 0.0
    best: Best | None = None

    @property
    def training_seconds(self) -> float:
        """Seconds spent in steps, over all phases."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def final(self) -> Evaluation:
        """The evaluation of the weights that training left: the best one or the last."""
        if self.best is None:
            return self.curve[-1]
        step = self.best.step
        return next(evaluation for evaluation in self.curve if evaluation.step == step)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, texts and finite numbers, ready for strict JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> History:
        """Rebuild what `to_dict` gave, in this version or an earlier one.

        Raises ValueError if keys are missing or unknown.
        """
        try:
            best = content.get("best")
            return cls(
                **{
                    **content,
                    "curve": [Evaluation(**_with_scores(point)) for point in content["curve"]],
                    "phases": [PhaseTotals(**phase) for phase in content["phases"]],
                    "best": None if best is None else Best(**best),
                }
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not the content of a training history: {error}") from error


def _with_scores(point: dict[str, Any]) -> dict[str, Any]:
    """`point` with the loss and accuracy of earlier versions as scores."""
    if "scores" in point or not point.keys() & _OLD_SCORES.keys():
        return point
    values = dict(point)
    found = {metric: values.pop(name, None) for name, metric in _OLD_SCORES.items()}
    scores = {metric: value for metric, value in found.items() if value is not None}
    return {**values, "scores": scores}
