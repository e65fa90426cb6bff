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
