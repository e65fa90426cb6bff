"""A plan: what could be done within a length of training, what each would take, and the advice."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from thinset.duration import Duration
from thinset.files.json import read_json, write_json_with_digest
from thinset.results.field_checks import (
    check_integers,
    check_mappings,
    check_number,
    check_numbers,
    check_texts,
)
from thinset.results.wording import spoken_seconds

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

SCHEMA = "thinset-plan"
VERSION = 1


@dataclass(frozen=True)
class Prediction:
    """Accuracy in percent, and where it lies with 95 % certainty as far as the probe runs tell."""

    mean: float
    low: float
    high: float

    def describe(self) -> str:
        return f"{self.mean:.1f} % ({self.low:.1f} to {self.high:.1f})"


@dataclass(frozen=True)
class Choice:
    """One way to train, and what it will take.

    arm: as in `thinset compare`. size: of the subset, as a share; None where there is none, and
    with it split, the share of the training spent on it. preparation_seconds: before training, by
    stage. training_seconds: of all steps; evaluation_seconds: of all tests. waiting_share: of the
    training, for images. memory_bytes: the most that the process will hold, mapped files included.
    disk_bytes: what it writes. accuracy: None where no probe run was long enough to tell.
    """

    arm: str
    size: float | None
    split: float | None
    preparation_seconds: dict[str, float]
    steps: int
    training_seconds: float
    evaluation_seconds: float
    waiting_share: float
    memory_bytes: int
    disk_bytes: int
    accuracy: Prediction | None

    @property
    def seconds(self) -> float:
        preparation = sum(self.preparation_seconds.values())
        return preparation + self.training_seconds + self.evaluation_seconds


@dataclass(frozen=True)
class Plan:
    """What `thinset plan` found.

    total: the length that was asked for; a time is a budget for everything. facts: what was
    measured, in words. choices: the first is training on everything. recommended: its number.
    reasons: why, a sentence each. planning_seconds: what finding this out took. least_seconds:
    where the budget is too short to train, about the shortest one that is not; else None.
    """

    source: str
    total: str
    facts: dict[str, str]
    choices: tuple[Choice, ...]
    recommended: int
    reasons: tuple[str, ...]
    planning_seconds: float
    hardware: dict[str, Any]
    versions: dict[str, Any]
    command: str
    least_seconds: float | None = None

    @property
    def choice(self) -> Choice:
        """The one that is recommended."""
        return self.choices[self.recommended]

    def save(self, path: Path) -> None:
        write_json_with_digest(path, {"schema": SCHEMA, "version": VERSION, **asdict(self)})

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read what `save` wrote; ValueError, naming the file, where it is something else."""
        content = read_json(path)
        is_plan = isinstance(content, dict) and content.get("schema") == SCHEMA
        if not is_plan or content.get("version") != VERSION:
            raise ValueError(f"{path} is not a {SCHEMA} of version {VERSION}")
        try:
            return _plan({key: content[key] for key in content if key not in ("schema", "version")})
        except ValueError as error:
            raise ValueError(f"{path} is not a valid plan: {error}") from error

    def describe(self) -> str:
        """The plan for a person at a terminal."""
        facts = [f"{name}: {value}" for name, value in self.facts.items()]
        header = (
            "",
            "train on",
            "size",
            "split",
            "before",
            "steps",
            "in all",
            "memory",
            "accuracy",
        )
        rows = [
            (
                "->" if choice is self.choice and self.least_seconds is None else "",
                choice.arm,
                *named_size(choice),
                spoken_seconds(sum(choice.preparation_seconds.values())),
                f"{choice.steps:,}",
                spoken_seconds(self.planning_seconds + choice.seconds),
                spoken_bytes(choice.memory_bytes),
                "not predicted" if choice.accuracy is None else choice.accuracy.describe(),
            )
            for choice in self.choices
        ]
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        table = [
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (header, *rows)
        ]
        advice = [f"advice: {self.advice}", *self.reasons]
        planning = f"planning took {spoken_seconds(self.planning_seconds)}"
        if Duration.parse(self.total).is_time:
            planning += ", part of the budget"
        return "\n".join([*facts, "", *table, "", *advice, planning])

    @property
    def advice(self) -> str:
        """What to do, in one line."""
        choice = self.choice
        if self.least_seconds is not None:
            return (
                f"the budget of {self.total} is too short to train: planning took "
                f"{spoken_seconds(self.planning_seconds)}, which leaves about {choice.steps} "
                f"steps; plan again with at least {_spoken_budget(self.least_seconds)}, in another "
                "folder"
            )
        if choice is self.choices[0]:
            return "do not select; train on everything"
        if choice.size is None:
            words = [word.partition("=")[0] for word in choice.arm.split(":")]
            first = ", ".join(_BEFORE_TRAINING[word] for word in words if word in _BEFORE_TRAINING)
            rest = "all that is left" if "dedup" in words else "everything"
            return f"{first}; then train on {rest} ({choice.arm})"
        size, split = named_size(choice)
        return f"train on {choice.arm}, {size} of the samples, for {split} of the training"


_BEFORE_TRAINING = {
    "dedup": "leave out near-duplicates",
    "balanced": "balance the classes",
    "resident": "keep all images in memory",
    "loss_pruning": "leave out what is learned, pass by pass",
}
"""What an arm without a subset does, by the word in its name"""


def _spoken_budget(seconds: float) -> str:
    """A budget as it is typed, rounded up to two digits: 44s, 4.5min, 2.1h."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{_rounded_up(seconds / length)}{unit}"
    return f"{_rounded_up(seconds)}s"


def _rounded_up(value: float) -> str:
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / step) * step:.6g}"


def named_size(choice: Choice) -> tuple[str, str]:
    """Size and split as a table shows them."""
    if choice.size is None or choice.split is None:
        return "all", ""
    return f"{100 * choice.size:.3g} %", f"{100 * choice.split:.3g} %"


def spoken_bytes(n_bytes: float) -> str:
    """Return bytes in the unit that fits, "612 MB"."""
    for unit in ("B", "kB", "MB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} GB"


def _plan(content: dict[str, Any]) -> Plan:
    choices, reasons = content.get("choices"), content.get("reasons")
    if not isinstance(choices, list) or not choices:
        raise ValueError(f"choices must be a list of at least one, got {choices!r}")
    if not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in reasons):
        raise ValueError(f"reasons must be a list of strings, got {reasons!r}")
    decoded = tuple(_choice(choice, f"choices[{row}]") for row, choice in enumerate(choices))
    plan = _built(Plan, {**content, "choices": decoded, "reasons": tuple(reasons)}, "the plan")
    check_texts(plan, "source", "total", "command")
    check_mappings(plan, "facts", "hardware", "versions")
    check_integers(plan, "recommended")
    check_numbers(plan, "planning_seconds")
    check_numbers(plan, "least_seconds", optional=True)
    if plan.recommended >= len(plan.choices):
        raise ValueError(
            f"recommended must be the number of one of {len(plan.choices)} choices, "
            f"got {plan.recommended}"
        )
    return plan


def _built(kind: type[T], content: Any, where: str) -> T:
    if not isinstance(content, dict):
        raise ValueError(f"{where} must be a mapping, got {content!r}")
    try:
        return kind(**content)
    except TypeError as error:  # a key that is missing or unknown
        raise ValueError(f"{where}: {error}") from error


def _choice(content: Any, where: str) -> Choice:
    choice = _built(Choice, content, where)
    if choice.accuracy is not None:
        prediction = _built(Prediction, choice.accuracy, f"{where}.accuracy")
        check_numbers(prediction, "mean", "low", "high", low=-math.inf)
        choice = dataclasses.replace(choice, accuracy=prediction)
    _check_choice(choice)
    return choice


def _check_choice(choice: Choice) -> None:
    check_texts(choice, "arm")
    check_integers(choice, "steps", "memory_bytes", "disk_bytes")
    check_numbers(choice, "size", optional=True)
    check_numbers(choice, "split", high=1.0, optional=True)
    check_numbers(choice, "training_seconds", "evaluation_seconds", "waiting_share")
    check_mappings(choice, "preparation_seconds")
    for stage, seconds in choice.preparation_seconds.items():
        check_number(f"preparation_seconds[{stage!r}]", seconds, 0.0, math.inf)
