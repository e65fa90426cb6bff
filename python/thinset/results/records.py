"""Records of training runs: what was run, how long it took and what it scored.

A record is one JSON file. Loading is strict: another schema or version, a missing or unknown key,
a number that is not finite and content that has changed since it was written are refused, so that a
figure is never drawn from half a record.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from thinset.files.json import read_json, write_json_with_digest
from thinset.results.field_checks import (
    check_choice,
    check_integers,
    check_keys,
    check_mappings,
    check_number,
    check_numbers,
    check_texts,
    decode_rows,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

SCHEMA = "thinset-run"
COLLECTION_SCHEMA = "thinset-runs"
VERSION = 1

Arm = Literal["selected", "random", "full"]
Comparison = Literal["steps", "time", "training time"]


@dataclass(frozen=True)
class PhaseRecord:
    """One phase of a run; `seconds` are spent in its training steps, evaluations not counted."""

    name: str
    dataset: str
    steps: int
    seconds: float

    def __post_init__(self) -> None:
        check_texts(self, "name", "dataset")
        check_integers(self, "steps")
        check_numbers(self, "seconds")


@dataclass(frozen=True)
class CurvePoint:
    """One evaluation in mid-run.

    `seconds` are wall-clock and include the run's preparation. `test_accuracy` is in percent. A
    loss or accuracy that was not measured, or was not finite, is None.
    """

    step: int
    samples: int
    epoch: float
    seconds: float
    phase: str
    train_loss: float | None
    test_loss: float | None
    test_accuracy: float | None

    def __post_init__(self) -> None:
        check_texts(self, "phase")
        check_integers(self, "step", "samples")
        check_numbers(self, "epoch", "seconds")
        check_numbers(self, "train_loss", "test_loss", low=-math.inf, optional=True)
        check_numbers(self, "test_accuracy", high=100.0, optional=True)


@dataclass(frozen=True)
class FinalScore:
    """The score of the finished model: accuracy in percent; the loss is None if not finite."""

    test_accuracy: float
    test_loss: float | None

    def __post_init__(self) -> None:
        check_numbers(self, "test_accuracy", high=100.0)
        check_numbers(self, "test_loss", low=-math.inf, optional=True)


@dataclass(frozen=True)
class RunRecord:
    """One training run of one arm of a comparison.

    `comparison` says what is held equal between the arms: "steps", wall-clock "time", or the
    paper's "training time", which leaves preparation out. `method` names the arm among those of its
    kind ("random" and "full" are what others are compared with). `split` is the share of the total
    spent on the subset, 0 to 1. `total` is a duration string ("10000st").
    `preparation_seconds` maps each stage that the arm needed before training (encoder training,
    encoding, selection, writing) to its seconds. `n_subset` and
    `split` are ignored for "full".
    `settings`, `hardware` and `versions` hold free JSON. Raises ValueError, naming the field,
    where a value breaks these rules.
    """

    arm: Arm
    comparison: Comparison
    method: str
    seed: int
    n_subset: int
    n_full: int
    split: float
    total: str
    phases: tuple[PhaseRecord, ...]
    preparation_seconds: dict[str, float]
    curve: tuple[CurvePoint, ...]
    final: FinalScore
    training_seconds: float
    evaluation_seconds: float
    data_wait_seconds: float
    settings: dict[str, Any]
    hardware: dict[str, Any]
    versions: dict[str, Any]
    command: str

    def __post_init__(self) -> None:
        check_choice("arm", self.arm, get_args(Arm))
        check_choice("comparison", self.comparison, get_args(Comparison))
        check_texts(self, "method", "total", "command")
        check_integers(self, "seed", "n_subset", "n_full")
        check_numbers(self, "training_seconds", "evaluation_seconds", "data_wait_seconds")
        check_numbers(self, "split", high=1.0)
        check_mappings(self, "preparation_seconds", "settings", "hardware", "versions")
        for stage, seconds in self.preparation_seconds.items():
            check_number(f"preparation_seconds[{stage!r}]", seconds, 0.0, math.inf)
        if self.n_subset > self.n_full:
            raise ValueError(f"n_subset must be at most n_full={self.n_full}, got {self.n_subset}")
        _check_order(self.curve)

    @property
    def steps(self) -> int:
        """Training steps over all phases."""
        return sum(phase.steps for phase in self.phases)

    @property
    def total_seconds(self) -> float:
        """Wall-clock seconds that the user waits: preparation, training and evaluation."""
        preparation = sum(self.preparation_seconds.values())
        return preparation + self.training_seconds + self.evaluation_seconds

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values, with its schema and version."""
        content = asdict(self)
        content["phases"] = list(content["phases"])
        content["curve"] = list(content["curve"])
        return {"schema": SCHEMA, "version": VERSION, **content}

    @classmethod
    def from_dict(cls, content: Any) -> RunRecord:
        """Build a record from what `to_dict` gave; ValueError for anything else."""
        values = _check_header(content, SCHEMA)
        check_keys(cls, values, "the record")
        values["phases"] = decode_rows(PhaseRecord, values["phases"], "phases")
        values["curve"] = decode_rows(CurvePoint, values["curve"], "curve")
        check_keys(FinalScore, values["final"], "final")
        values["final"] = FinalScore(**values["final"])
        return cls(**values)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record as JSON, atomically; ValueError where it holds NaN or infinity."""
        write_json_with_digest(path, self.to_dict())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> RunRecord:
        """Read one record; ValueError naming the file where it is not a valid one."""
        content = read_json(path)
        try:
            return cls.from_dict(content)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def save_records(records: Sequence[RunRecord], path: str | os.PathLike[str]) -> None:
    """Write many records into one JSON file, atomically."""
    runs = [record.to_dict() for record in records]
    write_json_with_digest(path, {"schema": COLLECTION_SCHEMA, "version": VERSION, "runs": runs})


def load_records(path: str | os.PathLike[str]) -> tuple[RunRecord, ...]:
    """Read the records in a folder (every *.json, by name) or in a file by `save_records`.

    Raises FileNotFoundError where there is none, ValueError where a file is no valid record.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            raise FileNotFoundError(f"{path} holds no run record (*.json)")
        return tuple(RunRecord.load(file) for file in files)
    content = read_json(path)
    try:
        values = _check_header(content, COLLECTION_SCHEMA)
        if set(values) != {"runs"} or not isinstance(values["runs"], list):
            raise ValueError(f"expected the key 'runs' with a list, got {sorted(values)}")  # noqa: TRY301
        return tuple(RunRecord.from_dict(run) for run in values["runs"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_header(content: Any, schema: str) -> dict[str, Any]:
    if not isinstance(content, dict) or content.get("schema") != schema:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"schema must be {schema!r}, got {found!r}")
    if content.get("version") != VERSION or isinstance(content["version"], bool):
        raise ValueError(f"version must be {VERSION}, got {content.get('version')!r}")
    return {key: value for key, value in content.items() if key not in ("schema", "version")}


def _check_order(curve: Sequence[CurvePoint]) -> None:
    for number, (before, after) in enumerate(itertools.pairwise(curve), start=1):
        if after.step < before.step or after.seconds < before.seconds:
            raise ValueError(f"curve[{number}] must not lie before the point ahead of it")
