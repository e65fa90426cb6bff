from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.data import import_dataset

if TYPE_CHECKING:
    from pathlib import Path


def save(folder: Path, images: np.ndarray, labels: np.ndarray | None) -> Path:
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", images)
    if labels is not None:
        np.save(folder / "labels.npy", labels)
    return folder


def test_a_pair_is_training_data(tmp_path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    source = save(tmp_path / "pair", images, labels.astype(np.uint16))
    datasets = import_dataset(source, tmp_path / "out")
    assert list(datasets) == ["train"]
    np.testing.assert_array_equal(datasets["train"].images, images)
    np.testing.assert_array_equal(datasets["train"].labels, labels)
    assert datasets["train"].name == "pair/train"
    assert datasets["train"].manifest.provenance["kind"] == "npy"


def test_train_and_test_folders(tmp_path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    save(tmp_path / "pair" / "train", images, labels)
    save(tmp_path / "pair" / "test", images[:3], labels[:3])
    datasets = import_dataset(tmp_path / "pair", tmp_path / "out")
    assert {split: len(dataset) for split, dataset in datasets.items()} == {"train": 23, "test": 3}


def test_grey_floats_without_labels(tmp_path: Path, images: np.ndarray) -> None:
    grey = images[..., 0].astype(np.float32) / 255
    source = save(tmp_path / "pair", grey, None)
    dataset = import_dataset(source, tmp_path / "out")["train"]
    np.testing.assert_array_equal(dataset.images, grey[..., np.newaxis])
    assert dataset.images.dtype == np.float32
    assert dataset.labels is None


def test_resizing_keeps_type_channels_and_flat_areas(tmp_path: Path) -> None:
    levels = np.array([[10, 20, 30, 40], [50, 60, 70, 80]])
    for dtype in (np.uint8, np.float32):
        images = np.broadcast_to(levels[:, None, None, :], (2, 6, 9, 4)).astype(dtype)
        source = save(tmp_path / np.dtype(dtype).name, images, None)
        out = tmp_path / f"{np.dtype(dtype).name}-small"
        dataset = import_dataset(source, out, size=(3, 5))["train"]
        assert dataset.images.dtype == dtype
        np.testing.assert_array_equal(
            dataset.images, np.broadcast_to(levels[:, None, None, :], (2, 3, 5, 4))
        )


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("images", np.zeros((23, 4, 5, 3)), r"images\.npy must be one of .*, got float64"),
        ("images", np.zeros((23, 4), np.uint8), r"images\.npy must be one of .*shape \(23, 4\)"),
        ("labels", np.zeros(22, int), r"labels\.npy must have shape \(23,\)"),
        ("labels", np.full(23, -1), r"got -1 in row 0"),
        ("labels", np.full(23, 0.0), r"labels must be integers"),
    ],
)
def test_arrays_that_do_not_hold_up_leave_nothing(
    tmp_path: Path, images: np.ndarray, name: str, array: np.ndarray, message: str
) -> None:
    source = save(tmp_path / "pair", images, None)
    np.save(source / f"{name}.npy", array)
    with pytest.raises(ValueError, match=message):
        import_dataset(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["pair"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_that_are_not_finite_are_refused_by_row(tmp_path: Path, value: float) -> None:
    images = np.zeros((1500, 2, 2, 1), np.float32)
    images[1234, 1, 0, 0] = value
    source = save(tmp_path / "pair", images, None)
    with pytest.raises(ValueError, match="got NaN or infinity in row 1234"):
        import_dataset(source, tmp_path / "out")


def test_a_truncated_file_is_named(tmp_path: Path, images: np.ndarray) -> None:
    source = save(tmp_path / "pair", images, None)
    content = (source / "images.npy").read_bytes()
    (source / "images.npy").write_bytes(content[:-1])
    with pytest.raises(ValueError, match=r"images\.npy' is not a usable \.npy file"):
        import_dataset(source, tmp_path / "out")
