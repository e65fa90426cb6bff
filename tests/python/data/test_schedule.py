"""A distilled dataset carries the steps in which it is to be trained on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.data import (
    Dataset,
    DatasetWriter,
    ScheduleStep,
    TrainingSchedule,
    import_dataset,
    open_dataset,
    write_subset,
)

if TYPE_CHECKING:
    from pathlib import Path

N_SAMPLES = 23  # of the fixtures
STEPS = (ScheduleStep((0, 10), 0.02), ScheduleStep((10, N_SAMPLES), float(np.float32(0.1))))
SCHEDULE = TrainingSchedule(STEPS, repeats=3)


def write(
    out: Path, images: np.ndarray, labels: np.ndarray, schedule: TrainingSchedule | None
) -> Dataset:
    with DatasetWriter(
        out,
        name="insects",
        image_shape=images.shape[1:],
        image_dtype="uint8",
        n_samples=len(images),
        class_names=("ant", "bee", "cat"),
        schedule=schedule,
    ) as writer:
        writer.append(images, labels)
    return open_dataset(out)


def test_it_is_kept_to_the_bit(tmp_path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    dataset = write(tmp_path / "out", images, labels, SCHEDULE)
    assert dataset.schedule == SCHEDULE
    assert np.float32(dataset.schedule.steps[1].step_size) == np.float32(0.1)
    content = json.loads((dataset.path / "manifest.json").read_text())
    assert content["schedule"] == {
        "steps": [
            {"rows": [0, 10], "step_size": 0.02},
            {"rows": [10, 23], "step_size": 0.10000000149011612},
        ],
        "repeats": 3,
    }


def test_other_datasets_have_none(dataset: Dataset) -> None:
    assert dataset.schedule is None


def test_the_fingerprint_covers_it(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, dataset: Dataset
) -> None:
    schedules = {
        "same": None,
        "a": SCHEDULE,
        "b": TrainingSchedule(STEPS[::-1], repeats=3),
        "c": TrainingSchedule(STEPS, repeats=2),
        "d": TrainingSchedule((STEPS[0], ScheduleStep((10, N_SAMPLES), 0.2)), repeats=3),
    }
    prints = {
        name: write(tmp_path / name, images, labels, schedule).fingerprint
        for name, schedule in schedules.items()
    }
    assert prints["same"] == dataset.fingerprint
    assert len(set(prints.values())) == len(schedules)
    assert write(tmp_path / "again", images, labels, SCHEDULE).fingerprint == prints["a"]


@pytest.mark.parametrize(
    ("rows", "step_size", "message"),
    [
        ((3, 3), 0.1, r"rows must be \(start, stop\) with 0 <= start < stop, got \(3, 3\)"),
        ((4, 3), 0.1, "rows must be"),
        ((-1, 3), 0.1, "rows must be"),
        ((0, 1), 0.0, "step_size must be above 0 and at most 1000, got 0.0"),
        ((0, 1), -0.1, "step_size must be above 0 and at most 1000, got -0.1"),
        ((0, 1), float("nan"), "step_size must be above 0 and at most 1000, got nan"),
        ((0, 1), 1000.1, "step_size must be above 0 and at most 1000, got 1000.1"),
        ((0, 1), float("inf"), "step_size must be above 0 and at most 1000, got inf"),
    ],
)
def test_steps_without_a_meaning_are_refused(
    rows: tuple[int, int], step_size: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ScheduleStep(rows, step_size)


def test_schedules_without_a_meaning_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="steps must hold at least one step"):
        TrainingSchedule(())
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        TrainingSchedule(STEPS, repeats=0)
    TrainingSchedule(STEPS, repeats=500_000)
    with pytest.raises(ValueError, match="must be at most 1,000,000 in all, got 1,000,002"):
        TrainingSchedule(STEPS, repeats=500_001)
    # Before any row is written.
    with pytest.raises(ValueError, match=r"schedule\.steps\[1\]\.rows must be in 0\.\.22"):
        DatasetWriter(
            tmp_path / "out",
            name="x",
            image_shape=(1, 1, 1),
            image_dtype="uint8",
            n_samples=22,
            schedule=SCHEDULE,
        )


def test_values_of_other_types_leave_nothing(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray
) -> None:
    repeats: Any = 1.5
    with pytest.raises(ValueError, match=r"schedule\.repeats must be a whole number from 1"):
        write(tmp_path / "out", images, labels, TrainingSchedule(STEPS, repeats))
    assert list(tmp_path.iterdir()) == []


def test_a_subset_drops_it_and_says_so(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, dataset: Dataset
) -> None:
    source = write(tmp_path / "distilled", images, labels, SCHEDULE)
    subset = write_subset(range(N_SAMPLES), source, tmp_path / "subset")
    assert subset.schedule is None
    assert subset.manifest.provenance.dropped == ("schedule",)
    other = write_subset([0], dataset, tmp_path / "other")
    assert other.manifest.provenance.dropped == ()


def test_an_import_says_that_it_leaves_it_out(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray
) -> None:
    source = write(tmp_path / "distilled", images, labels, SCHEDULE)
    notes: list[str] = []
    imported = import_dataset(source.path, tmp_path / "data", note=notes.append)["train"]
    assert imported.schedule is None
    what = f"the training schedule of {source.path}"
    assert notes == [f"left out {what}; to keep them, use the dataset folder itself"]


def test_steps_are_counted_and_numbered_over_all_repetitions() -> None:
    assert SCHEDULE.n_steps == 6
    assert SCHEDULE.n_samples == 3 * N_SAMPLES
    assert [SCHEDULE.step(number) for number in range(6)] == list(3 * STEPS)
