"""Records of training runs: what was run, how long it took and what it scored.

A record is one JSON file. Loading is strict: another schema or version, a missing or unknown entry,
a number that is not finite and content that has changed since it was written are refused, so that
no figure is drawn from a damaged record. Records of version 1 are converted to version 2.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from thinset.duration import Duration  # noqa: TC001 - decode looks it up
from thinset.files.decoding import Count, Positive, Seconds, Share, decode, encode
from thinset.files.json import read_json, write_json_with_digest
from thinset.results.arm import Arm
from thinset.results.metrics import Metric  # noqa: TC001 - decode looks it up
from thinset.results.records_v1 import upgraded

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

SCHEMA = "thinset-run"
COLLECTION_SCHEMA = "thinset-runs"
VERSION = 2

REPLAY = "replay"
"""The name of a phase that trains by the stored steps of a distilled dataset"""

Comparison = Literal["steps", "time", "training time"]


@dataclass(frozen=True)
class PhaseRecord:
    """One phase of a run; `seconds` are spent in its training steps, evaluations not counted."""

    name: str
    dataset: str
    steps: Count
    seconds: Seconds


@dataclass(frozen=True)
class CurvePoint:
    """One evaluation during a run.

    `seconds` are wall-clock and include the run's preparation. `scores` are on test data, by
    metric, in the metric's unit; those on validation data are named so. A loss or a score that was
    not finite is None.
    """

    step: Count
    samples: Count
    epoch: Seconds
    seconds: Seconds
    phase: str
    train_loss: float | None
    scores: dict[str, float | None]


@dataclass(frozen=True)
class Score:
    """The score of the finished training; None if it is not finite.

    If a set was replayed with several networks, `value` is the mean over `n_networks` and `spread`
    the sample standard deviation between them.
    """

    value: float | None
    spread: Seconds | None = None
    n_networks: Positive = 1


@dataclass(frozen=True)
class FastPhase:
    """The number of samples in the fast phase, and its share of the training."""

    n_samples: Count
    split: Share


@dataclass(frozen=True)
class RunRecord:
    """One training run of one arm of a comparison.

    Attributes:
        arm: see thinset.results.arm.
        comparison: what is equal for all arms: "steps", wall-clock "time", or the paper's "training
            time", which excludes preparation.
        n_full: samples in the whole training data.
        n_trained: samples in the data of fine-tuning, fewer than n_full after deduplication, more
            with added data.
        fast_phase: None without a subset.
        total: the length of the training.
        preparation_seconds: of each stage that the arm needed before training (encoder training,
            encoding, selection, writing).
        metrics: of the scores, by name.
        metric: the one that arms are compared by.
        settings: free JSON.
        hardware: free JSON.
        versions: free JSON.
    """

    arm: Arm
    comparison: Comparison
    seed: Count
    n_full: Count
    n_trained: Count
    fast_phase: FastPhase | None
    total: Duration
    phases: tuple[PhaseRecord, ...]
    preparation_seconds: dict[str, Seconds]
    metrics: dict[str, Metric]
    metric: str
    curve: tuple[CurvePoint, ...]
    final: dict[str, Score]
    training_seconds: Seconds
    evaluation_seconds: Seconds
    data_wait_seconds: Seconds
    settings: dict[str, Any]
    hardware: dict[str, Any]
    versions: dict[str, Any]
    command: str

    def __post_init__(self) -> None:
        if self.metric not in self.final or set(self.final) - set(self.metrics):
            raise ValueError(
                f"metrics must describe every final score, {self.metric!r} among them; got "
                f"{sorted(self.metrics)} for {sorted(self.final)}"
            )
        if self.final[self.metric].value is None:
            raise ValueError(f"the final {self.metric} must be a finite number, got none")
        for name, score in self.final.items():
            is_percent = self.metrics[name].unit == "%"
            if is_percent and score.value is not None and not 0 <= score.value <= 100:
                raise ValueError(f"final.{name} must be from 0 to 100 %, got {score.value}")
        for number, (before, after) in enumerate(itertools.pairwise(self.curve), start=1):
            if after.step < before.step or after.seconds < before.seconds:
                raise ValueError(f"curve[{number}] must not be earlier than the point before it")

    @property
    def score(self) -> float:
        """The final score that arms are compared by, in the unit of its metric."""
        value = self.final[self.metric].value
        assert value is not None
        return value

    @property
    def main_metric(self) -> Metric:
        """The metric that arms are compared by."""
        return self.metrics[self.metric]

    @property
    def steps(self) -> int:
        """Training steps over all phases."""
        return sum(phase.steps for phase in self.phases)

    @property
    def replayed_steps(self) -> int:
        """Training steps by the stored steps of a distilled dataset; 0 where none was replayed."""
        return sum(phase.steps for phase in self.phases if phase.name == REPLAY)

    @property
    def total_seconds(self) -> float:
        """Wall-clock seconds that the user waits: preparation, training and evaluation."""
        preparation = sum(self.preparation_seconds.values())
        return preparation + self.training_seconds + self.evaluation_seconds

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values, with its schema and version."""
        return {"schema": SCHEMA, "version": VERSION, **encode(self)}

    @classmethod
    def from_dict(cls, content: Any, where: str = "the record") -> RunRecord:
        """Build a record from the result of `to_dict`, of version 1 or 2; ValueError otherwise."""
        version, values = _without_header(content, SCHEMA, where)
        if version == 1:
            values = upgraded(values, where)
        return decode(values, cls, where, parsers={Arm: Arm.recorded})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record as JSON, atomically; ValueError if a value breaks the rules."""
        content = self.to_dict()
        type(self).from_dict(content, str(path))
        write_json_with_digest(path, content)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> RunRecord:
        """Read one record; ValueError, naming the file, if it is not valid."""
        return cls.from_dict(read_json(path), str(path))


def save_records(records: Sequence[RunRecord], path: str | os.PathLike[str]) -> None:
    """Write many records into one JSON file, atomically."""
    runs = [record.to_dict() for record in records]
    write_json_with_digest(path, {"schema": COLLECTION_SCHEMA, "version": VERSION, "runs": runs})


def load_records(path: str | os.PathLike[str]) -> tuple[RunRecord, ...]:
    """Read the records in a folder (every *.json, by name) or in a file by `save_records`.

    Raises FileNotFoundError if there is none, ValueError if a file is not a valid record.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            raise FileNotFoundError(f"{path} has no run record (*.json)")
        return tuple(RunRecord.load(file) for file in files)
    _, values = _without_header(read_json(path), COLLECTION_SCHEMA, str(path))
    if set(values) != {"runs"} or not isinstance(values["runs"], list):
        raise ValueError(f"{path}: expected the entry 'runs' with a list, got {sorted(values)}")
    return tuple(
        RunRecord.from_dict(run, f"{path}: runs[{row}]") for row, run in enumerate(values["runs"])
    )


def _without_header(content: Any, schema: str, where: str) -> tuple[int, dict[str, Any]]:
    """The version and everything else; ValueError for another schema or version."""
    if not isinstance(content, dict) or content.get("schema") != schema:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"{where}: schema must be {schema!r}, got {found!r}")
    version = content.get("version")
    if type(version) is not int or version not in (1, VERSION):
        raise ValueError(f"{where}: version must be 1 or {VERSION}, got {version!r}")
    rest = {key: value for key, value in content.items() if key not in ("schema", "version")}
    return version, rest
