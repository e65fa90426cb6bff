"""A plan: ways to train within a given length, the cost of each, and the advice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thinset.duration import Duration  # noqa: TC001 - decode looks it up
from thinset.files.decoding import Count, Seconds, Share, decode, encode
from thinset.files.json import read_json, write_json_with_digest
from thinset.results.arm import FULL, Arm
from thinset.results.arm_words import plain_name
from thinset.results.wording import spoken_seconds

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "thinset-plan"
VERSION = 2


@dataclass(frozen=True)
class Prediction:
    """Predicted accuracy in percent, with a 95 % interval based on the probe runs."""

    mean: float
    low: float
    high: float

    def describe(self) -> str:
        return f"{self.mean:.1f} % ({self.low:.1f} to {self.high:.1f})"


@dataclass(frozen=True)
class PlannedSubset:
    """The size of a subset, as a share of all samples, and the share of the training on it."""

    size: Share
    split: Share


@dataclass(frozen=True)
class Choice:
    """One way to train, and its predicted cost.

    Attributes:
        subset: None if there is none.
        preparation_seconds: before training, by stage.
        training_seconds: of all steps.
        evaluation_seconds: of all tests.
        waiting_share: of the training, for images.
        memory_bytes: the peak memory of the process, mapped files included.
        disk_bytes: written to disk.
        accuracy: None if no probe run was long enough.
    """

    arm: Arm
    subset: PlannedSubset | None
    preparation_seconds: dict[str, Seconds]
    steps: Count
    training_seconds: Seconds
    evaluation_seconds: Seconds
    waiting_share: Share
    memory_bytes: Count
    disk_bytes: Count
    accuracy: Prediction | None

    @property
    def seconds(self) -> float:
        preparation = sum(self.preparation_seconds.values())
        return preparation + self.training_seconds + self.evaluation_seconds


@dataclass(frozen=True)
class Plan:
    """The result of `thinset plan`.

    Attributes:
        total: the requested length; a time is a budget for everything.
        facts: the measurements, in words.
        choices: the first is training on everything.
        recommended: the number of the recommended choice.
        reasons: why, a sentence each.
        planning_seconds: the time that planning took.
        least_seconds: if the budget is too short to train, about the shortest useful one; else
            None.
    """

    source: str
    total: Duration
    facts: dict[str, str]
    choices: tuple[Choice, ...]
    recommended: Count
    reasons: tuple[str, ...]
    planning_seconds: Seconds
    hardware: dict[str, Any]
    versions: dict[str, Any]
    command: str
    least_seconds: Seconds | None = None

    def __post_init__(self) -> None:
        if self.recommended >= len(self.choices):
            raise ValueError(
                f"recommended must be the number of one of {len(self.choices)} choices, "
                f"got {self.recommended}"
            )

    @property
    def choice(self) -> Choice:
        """The one that is recommended."""
        return self.choices[self.recommended]

    def save(self, path: Path) -> None:
        """Write the plan to a file of JSON, with its digest."""
        write_json_with_digest(path, {"schema": SCHEMA, "version": VERSION, **encode(self)})

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read what `save` wrote, now or in version 1; ValueError, naming the file, otherwise."""
        content = read_json(path)
        is_plan = isinstance(content, dict) and content.get("schema") == SCHEMA
        if not is_plan or content.get("version") not in (1, VERSION):
            raise ValueError(f"{path} is not a {SCHEMA} of version 1 or {VERSION}")
        values = {key: content[key] for key in content if key not in ("schema", "version")}
        if content["version"] == 1:
            values["choices"] = _upgraded(values.get("choices"))
        return decode(values, cls, str(path), parsers={Arm: Arm.recorded})

    def describe(self) -> str:
        """The plan as text for a terminal."""
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
                str(choice.arm),
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
        if self.total.is_time:
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
        if choice.arm == FULL:
            return "do not select; train on everything"
        if choice.subset is None:
            rest = "everything" if choice.arm.distinct is None else "all that is left"
            return f"{_before_training(choice.arm)}; then train on {rest} ({choice.arm})"
        size, split = named_size(choice)
        return (
            f"train on {plain_name(choice.arm)} ({choice.arm}), {size} of the samples, for {split} "
            "of the training"
        )


def _before_training(arm: Arm) -> str:
    """The first steps of an arm without a subset, in words."""
    steps = {
        "keep all images in memory": arm.is_resident,
        "balance the classes": arm.is_balanced,
        "leave out near-duplicates": arm.distinct is not None,
        "skip well-learned samples in every epoch": arm.fine_tuning == "loss_pruning",
    }
    return ", ".join(step for step, is_taken in steps.items() if is_taken)


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
    if choice.subset is None:
        return "all", ""
    return f"{100 * choice.subset.size:.3g} %", f"{100 * choice.subset.split:.3g} %"


def spoken_bytes(n_bytes: float) -> str:
    """Return bytes in the unit that fits, "612 MB"."""
    for unit in ("B", "kB", "MB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} GB"


def _upgraded(choices: Any) -> Any:
    """Choices of version 1, with size and split in one place."""
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        return choices  # `decode` says what is wrong
    upgraded = []
    for choice in choices:
        rest = {key: value for key, value in choice.items() if key not in ("size", "split")}
        size, split = choice.get("size"), choice.get("split")
        subset = None if size is None else {"size": size, "split": split}
        upgraded.append({**rest, "subset": subset})
    return upgraded
