"""Synthetic runs and report inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest

from thinset.report import (
    CurvePoint,
    FinalScore,
    PhaseRecord,
    ReportInputs,
    Reproductions,
    RunRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class MakeRecord(Protocol):
    """Builds a valid record; `changes` replace its fields."""

    def __call__(
        self, arm: str = ..., seed: int = ..., accuracy: float = ..., **changes: Any
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
            test_loss=2.1 - 0.1 * number,
            test_accuracy=accuracy * (number + 1) / 4,
        )
        for number in range(4)
    )


@pytest.fixture
def make_record() -> MakeRecord:
    def make(
        arm: str = "selected", seed: int = 0, accuracy: float = 50.0, **changes: Any
    ) -> RunRecord:
        preparation = {"encoder training": 3.0, "selection": 0.5} if arm == "selected" else {}
        content: dict[str, Any] = {
            "arm": arm,
            "comparison": "steps",
            "method": "topk" if arm == "selected" else arm,
            "seed": seed,
            "n_subset": 20,
            "n_full": 200,
            "split": 0.0 if arm == "full" else 0.5,
            "total": "40st",
            "phases": (
                PhaseRecord("fast", "subset", 20, 2.0),
                PhaseRecord("fine-tuning", "full", 20, 1.5),
            ),
            "preparation_seconds": preparation,
            "curve": _curve(accuracy, sum(preparation.values())),
            "final": FinalScore(accuracy, 0.9),
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
    scores = {"selected": (50.0, 52.0, 51.0), "random": (49.0, 50.0, 50.5), "full": (60, 61, 62)}
    return [
        make_record(arm, seed, float(accuracy), comparison=comparison, total=total)
        for comparison, total in (("steps", "40st"), ("time", "8s"))
        for arm, accuracies in scores.items()
        for seed, accuracy in enumerate(accuracies)
    ]


@pytest.fixture
def make_inputs(comparison_records: list[RunRecord]) -> Callable[..., ReportInputs]:
    def make(**changes: Any) -> ReportInputs:
        rng = np.random.default_rng(7)
        images = rng.integers(0, 256, (200, 8, 8, 3), dtype=np.uint8)
        embeddings = rng.random((200, 12), dtype=np.float32)
        content: dict[str, Any] = {
            "title": "Top-k on noise",
            "dataset_name": "noise",
            "images": images,
            "selected_indices": rng.permutation(200)[:20],
            "random_indices": rng.permutation(200)[:20],
            "records": comparison_records,
            "command": "thinset run noise",
            "labels": np.arange(200) % 4,
            "class_names": ["north", "east", "south", "west"],
            "embeddings": embeddings,
            "reproductions": Reproductions(
                images[:3] / 255.0, embeddings[:3].reshape(3, 2, 2, 3), images[:3] / 255.0
            ),
            "embedding_facts": {"dead_columns": [3]},
            "stage_seconds": {"encoder_training": 3.0, "training": 40.0},
            "settings": {"batch_size": 64, "optimizer": {"name": "sgd"}},
        }
        return ReportInputs(**{**content, **changes})

    return make
