from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import hypothesis
import pytest

from failing_calls import FailingCalls
from thinset.data import Dataset, DatasetWriter, open_dataset
from thinset.data.provenance import DistilledBy, Parent
from thinset.data.schedule import ScheduleStep, TrainingSchedule
from thinset.duration import Duration
from thinset.results import (
    Arm,
    CurvePoint,
    FastPhase,
    PhaseRecord,
    RunRecord,
    Score,
    described,
)

if TYPE_CHECKING:
    import numpy as np

# On a busy machine any call may take longer than a deadline, whatever it does.
hypothesis.settings.register_profile("thinset", deadline=None)
hypothesis.settings.load_profile("thinset")


@pytest.fixture(scope="session", autouse=True)
def _signals_have_their_usual_meaning() -> None:
    """Under nohup, or in the background of a script, commands would ignore signals, too."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def binary() -> str:
    """The binary that the wheel put beside this interpreter, or the first on PATH."""
    beside = Path(sys.executable).parent / "thinset-filter"
    found = str(beside) if beside.exists() else shutil.which("thinset-filter")
    assert found, "thinset-filter is not installed"
    return found


@pytest.fixture(scope="session")
def failing_calls(tmp_path_factory) -> FailingCalls:
    """Makes the calls of a program into the C library fail, one at a time."""
    reason = FailingCalls.reason_to_skip()
    if reason is not None:
        pytest.skip(reason)
    return FailingCalls(tmp_path_factory.mktemp("failing-calls"))


class MakeRecord(Protocol):
    """Builds a valid record of an arm; `changes` replace its fields."""

    def __call__(
        self,
        arm: str = ...,
        seed: int = ...,
        accuracy: float = ...,
        *,
        n_subset: int = ...,
        split: float = ...,
        total: str = ...,
        **changes: Any,
    ) -> RunRecord: ...


def _curve(accuracy: float, preparation: float) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(
            step=10 * (number + 1),
            samples=640 * (number + 1),
            epoch=0.5 * (number + 1),
            seconds=preparation + number + 1.0,
            phase="fast" if number < 2 else "fine-tuning",
            train_loss=2.0 - 0.1 * number,
            scores={"accuracy": accuracy * (number + 1) / 4, "loss": 2.1 - 0.1 * number},
        )
        for number in range(4)
    )


@pytest.fixture
def make_record() -> MakeRecord:
    def make(
        arm: str = "topk",
        seed: int = 0,
        accuracy: float = 50.0,
        *,
        n_subset: int = 20,
        split: float = 0.5,
        total: str = "40st",
        **changes: Any,
    ) -> RunRecord:
        parsed = Arm.recorded(arm)
        is_selected = parsed.kind == "selected"
        preparation = {"encoder training": 3.0, "selection": 0.5} if is_selected else {}
        content: dict[str, Any] = {
            "arm": parsed,
            "comparison": "steps",
            "seed": seed,
            "n_full": 200,
            "n_trained": 200,
            "fast_phase": FastPhase(n_subset, split) if parsed.has_fast_phase else None,
            "total": Duration.parse(total),
            "phases": (
                PhaseRecord("fast", "subset", 20, 2.0),
                PhaseRecord("fine-tuning", "full", 20, 1.5),
            ),
            "preparation_seconds": preparation,
            "metrics": described("accuracy", "loss"),
            "metric": "accuracy",
            "curve": _curve(accuracy, sum(preparation.values())),
            "final": {"accuracy": Score(accuracy), "loss": Score(0.9)},
            "training_seconds": 3.5,
            "evaluation_seconds": 0.5,
            "data_wait_seconds": 0.1,
            "settings": {"batch_size": 64},
            "hardware": {"cpu": "a CPU", "cores": 2},
            "versions": {"python": "3.11"},
            "command": "thinset run",
        }
        return RunRecord(**{**content, **changes})

    return make


@pytest.fixture
def comparison_records(make_record: MakeRecord) -> list[RunRecord]:
    scores = {"topk": (50.0, 52.0, 51.0), "random": (49.0, 50.0, 50.5), "full": (60, 61, 62)}
    return [
        make_record(arm, seed, float(accuracy), comparison=comparison, total=total)
        for comparison, total in (("steps", "40st"), ("time", "8s"))
        for arm, accuracies in scores.items()
        for seed, accuracy in enumerate(accuracies)
    ]


class WriteDistilled(Protocol):
    """Writes a dataset folder as a distillation does: images, step sizes and what else is given."""

    def __call__(
        self,
        path: Path,
        images: np.ndarray,
        labels: np.ndarray | None,
        *,
        steps: tuple[tuple[tuple[int, int], float], ...] | None = ...,
        repeats: int = ...,
        soft_labels: np.ndarray | None = ...,
        initial_weights: np.ndarray | None = ...,
        params: dict[str, Any] | None = ...,
    ) -> Dataset: ...


@pytest.fixture(scope="session")
def write_distilled() -> WriteDistilled:
    def write(
        path: Path,
        images: np.ndarray,
        labels: np.ndarray | None,
        *,
        steps: tuple[tuple[tuple[int, int], float], ...] | None = None,
        repeats: int = 1,
        soft_labels: np.ndarray | None = None,
        initial_weights: np.ndarray | None = None,
        params: dict[str, Any] | None = None,
    ) -> Dataset:
        schedule = None
        if steps is not None:
            schedule = TrainingSchedule(tuple(ScheduleStep(*step) for step in steps), repeats)
        with DatasetWriter(
            path,
            name=path.name,
            image_shape=images.shape[1:],
            image_dtype=images.dtype,
            n_samples=len(images),
            class_names=[str(number) for number in range(10)],
            provenance=DistilledBy(by="dd", parent=Parent(name="digits"), params=params or {}),
            schedule=schedule,
        ) as writer:
            writer.append(images, labels, soft_labels)
            if initial_weights is not None:
                writer.add("initial_weights", initial_weights)
        return open_dataset(path)

    return write
