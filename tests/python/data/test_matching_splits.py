"""Training and test data that do not go together are found before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.data import Dataset, DatasetWriter, open_dataset, require_matching_splits
from thinset.data.matching_splits import require_matching_samples

if TYPE_CHECKING:
    from pathlib import Path


def write(
    path: Path,
    images: np.ndarray,
    labels: np.ndarray | None,
    class_names: tuple[str, ...] | None = None,
) -> Dataset:
    with DatasetWriter(
        path,
        name=path.name,
        image_shape=images.shape[1:],
        image_dtype=images.dtype,
        n_samples=len(images),
        class_names=class_names,
    ) as writer:
        writer.append(images, labels)
    return open_dataset(path)


IMAGES = np.zeros((6, 4, 5, 3), np.uint8)
LABELS = np.arange(6) % 2
FLOATS = np.zeros((6, 4, 5, 3), np.float32)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            {"images": IMAGES[:, :3]},
            "test has images of 3 x 5 x 3 .* training images are 4 x 5 x 3",
        ),
        ({"images": IMAGES[..., :1]}, "4 x 5 x 1 .* both need the same number of channels"),
        (
            {"labels": None},
            "test has no labels, which measuring accuracy needs; give .*train alone",
        ),
        ({"labels": np.arange(6) % 3}, "test has the label 2 in row 2, but .* classes 0 to 1 only"),
        ({"class_names": ("b", "a")}, "test has the classes b, a, but the training data have a, b"),
        ({"images": FLOATS + 255}, r"test: row 0 has values in 255\.\.255, but training takes"),
        (
            {"images": FLOATS + np.nan},
            r"test: image 0 holds nan in row 0, column 0, channel 0",
        ),
    ],
)
def test_what_differs_is_named(tmp_path: Path, test: dict[str, Any], message: str) -> None:
    same = {"images": IMAGES, "labels": LABELS, "class_names": ("a", "b")}
    train = write(tmp_path / "train", **same)
    other = {**same, **test}
    if len(np.unique(other["labels"])) > 2:
        other["class_names"] = None
    with pytest.raises(ValueError, match=message):
        require_matching_splits(train, write(tmp_path / "test", **other))


def test_training_data_without_labels_are_named(tmp_path: Path) -> None:
    train = write(tmp_path / "train", IMAGES, None)
    with pytest.raises(ValueError, match="train has no labels, which training a classifier needs"):
        require_matching_splits(train, train)


def test_training_data_of_one_class_are_named(tmp_path: Path) -> None:
    train = write(tmp_path / "train", IMAGES, np.zeros_like(LABELS))
    with pytest.raises(ValueError, match="train has one class; training a classifier needs at"):
        require_matching_splits(train, train)


def test_samples_to_train_on_need_labels_and_no_part_held_out(tmp_path: Path) -> None:
    train, other = write(tmp_path / "train", IMAGES, LABELS), write(tmp_path / "o", IMAGES, None)
    with pytest.raises(ValueError, match="o has no labels, which training a classifier needs$"):
        require_matching_samples(train, other)


@pytest.mark.parametrize("images", [IMAGES, FLOATS, FLOATS - 2.5])
def test_what_goes_together_passes(tmp_path: Path, images: np.ndarray) -> None:
    """Also where a class has no test samples, and where one side has no names."""
    train = write(tmp_path / "train", IMAGES, LABELS, ("a", "b"))
    test = write(tmp_path / "test", images, LABELS * 0)
    require_matching_splits(train, test)
    assert test.n_classes == 1
