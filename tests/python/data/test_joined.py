"""Several datasets become one, with all that their samples have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.data import (
    Dataset,
    DatasetWriter,
    JoinedFrom,
    Parent,
    ScheduleStep,
    TrainingSchedule,
    join_datasets,
    open_dataset,
    verify_dataset,
)

if TYPE_CHECKING:
    from pathlib import Path

SOFT = np.float32([[0.5, 0.25, 0.25], [0, 1, 0]])


def write(
    out: Path, images: np.ndarray, labels: np.ndarray | None, soft_labels: np.ndarray | None
) -> Dataset:
    with DatasetWriter(
        out, name=out.name, image_shape=(4, 5, 3), image_dtype=images.dtype, n_samples=len(images)
    ) as writer:
        writer.append(images, labels, soft_labels)
    return open_dataset(out)


def test_samples_come_one_dataset_after_the_other(
    tmp_path: Path, dataset: Dataset, images: np.ndarray, labels: np.ndarray
) -> None:
    floats = write(tmp_path / "floats", np.float32(images[:2]) / 255, labels[:2], None)
    joined = join_datasets([dataset, floats], tmp_path / "joined")
    expected = np.float32(images) / np.float32(255)
    np.testing.assert_array_equal(joined.images, np.concatenate([expected, floats.images]))
    np.testing.assert_array_equal(joined.labels, np.concatenate([labels, labels[:2]]))
    assert joined.soft_labels is None
    assert joined.class_names == dataset.class_names
    parents = (Parent.of(dataset), Parent.of(floats))
    assert joined.manifest.provenance == JoinedFrom(parents=parents)
    verify_dataset(joined.path)


@pytest.mark.parametrize("with_labels", [True, False])
def test_labels_beside_soft_labels_become_soft(
    tmp_path: Path, dataset: Dataset, images: np.ndarray, labels: np.ndarray, with_labels: bool
) -> None:
    soft = write(tmp_path / "soft", images[:2], labels[:2] if with_labels else None, SOFT)
    one_hot = np.eye(3, dtype=np.float32)[labels]
    for pair, expected in (
        ([dataset, soft], np.concatenate([one_hot, SOFT])),
        ([soft, dataset], np.concatenate([SOFT, one_hot])),
    ):
        joined = join_datasets(pair, tmp_path / "joined", overwrite=True)
        np.testing.assert_array_equal(joined.soft_labels, expected)
        assert (joined.labels is None) == (not with_labels)


def test_datasets_with_and_without_labels_are_not_joined(
    tmp_path: Path, dataset: Dataset, images: np.ndarray
) -> None:
    bare = write(tmp_path / "bare", images, None, None)
    for pair in ([dataset, bare], [bare, dataset]):
        with pytest.raises(ValueError, match="bare has no labels, but others"):
            join_datasets(pair, tmp_path / "joined")
    assert join_datasets([bare, bare], tmp_path / "joined").labels is None


def test_a_schedule_is_not_kept_and_the_provenance_says_so(
    tmp_path: Path, dataset: Dataset, images: np.ndarray, labels: np.ndarray
) -> None:
    with DatasetWriter(
        tmp_path / "distilled", name="d", image_shape=(4, 5, 3), image_dtype="uint8",
        n_samples=2, class_names=dataset.class_names,
        schedule=TrainingSchedule((ScheduleStep((0, 2), 0.1),)),
    ) as writer:  # fmt: skip
        writer.append(images[:2], labels[:2])
    distilled = open_dataset(tmp_path / "distilled")
    for pair in ([dataset, distilled], [distilled, dataset]):
        joined = join_datasets(pair, tmp_path / "joined", overwrite=True)
        assert joined.schedule is None
        assert joined.manifest.provenance.dropped == ("schedule",)
    joined = join_datasets([dataset, dataset], tmp_path / "joined", overwrite=True)
    assert joined.manifest.provenance.dropped == ()


def test_nothing_is_not_joined(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one dataset"):
        join_datasets([], tmp_path / "joined")
