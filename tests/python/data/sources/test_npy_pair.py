from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.data import import_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from thinset.data import Dataset


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
    assert datasets["train"].manifest.provenance.source == "npy"


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
    grey = np.array([[10, 20, 30, 40], [50, 60, 70, 80]])
    for dtype in (np.uint8, np.float32):
        levels = grey if dtype == np.uint8 else np.float32(grey / 128)
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
        ("images", np.zeros((23, 4, 5, 3), "U3"), r"images\.npy must be uint8, .*, got <U3"),
        ("images", np.zeros((23, 4), np.uint8), r"images\.npy must hold .*of shape \(23, 4\); res"),
        ("labels", np.zeros(22, int), r"labels\.npy must have shape \(23,\)"),
        ("labels", np.full(23, -1), r"got -1 in row 0"),
        ("labels", np.full(23, 0.0), r"labels\.npy: labels must be integers or strings, got flo"),
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


def imported(tmp_path: Path, splits: dict[str, np.ndarray]) -> tuple[dict[str, Dataset], list[str]]:
    for split, images in splits.items():
        save(tmp_path / "in" / split, images, None)
    notes: list[str] = []
    return import_dataset(tmp_path / "in", tmp_path / "out", note=notes.append), notes


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4", "int64", "uint16"])
def test_whole_numbers_up_to_255_become_uint8(
    tmp_path: Path, images: np.ndarray, dtype: str
) -> None:
    datasets, notes = imported(
        tmp_path, {"train": images.astype(dtype), "test": images[:4].astype(dtype)}
    )
    np.testing.assert_array_equal(datasets["train"].images, images)
    np.testing.assert_array_equal(datasets["test"].images, images[:4])
    assert {dataset.images.dtype for dataset in datasets.values()} == {np.dtype(np.uint8)}
    assert "images hold whole numbers 0..255: stored as uint8" in notes[0]
    assert datasets["train"].manifest.provenance.notes == notes


def test_every_split_has_a_note_of_its_own(tmp_path: Path, images: np.ndarray) -> None:
    whole = images.astype(np.int64)
    whole.flat[:2] = 0, 255
    datasets, notes = imported(
        tmp_path, {"train": images, "test": np.minimum(whole, 1), "val": whole}
    )
    np.testing.assert_array_equal(datasets["test"].images, np.minimum(whole, 1))
    test, validation = (tmp_path / "in" / split / "images.npy" for split in ("test", "val"))
    assert notes == [
        f"{test}: integer images hold 0..1 only: stored as uint8, nearly black",
        f"{validation}: int64 images hold whole numbers 0..255: stored as uint8",
    ]


GREY = np.linspace(0, 255, 60).reshape(3, 4, 5)
STANDARDISED = np.float32(GREY / 127.5 - 1)


@pytest.mark.parametrize(
    ("train", "test", "ranges"),
    [
        (np.uint8(GREY), np.float32(GREY / 255), ("uint8 in 0..255", "float32 in 0..1")),
        (np.uint8(GREY), np.float64(GREY > 99), ("uint8 in 0..255", "float64 in 0..1")),
        (np.float32(GREY), np.float32(GREY / 255), ("float32 in 0..255", "float32 in 0..1")),
        (np.rint(GREY), GREY / 255, ("float64 in 0..255", "float64 in 0..1")),
        (np.float32(GREY / 255), np.uint8(GREY), ("float32 in 0..1", "uint8 in 0..255")),
        (STANDARDISED, np.float32(GREY / 255), ("float32 in -1..1", "float32 in 0..1")),
        (np.uint8(GREY), STANDARDISED, ("uint8 in 0..255", "float32 in -1..1")),
        (np.uint8(GREY), GREY > 99, ("uint8 in 0..255", "bool in 0..1")),
    ],
)
def test_splits_of_other_ranges_are_refused(
    tmp_path: Path, train: np.ndarray, test: np.ndarray, ranges: tuple[str, str]
) -> None:
    with pytest.raises(ValueError, match="all splits need the same scale") as error:
        imported(tmp_path, {"train": train, "test": test})
    assert f"in/train/images.npy holds {ranges[0]}" in str(error.value)
    assert f"in/test/images.npy holds {ranges[1]}" in str(error.value)


def test_fractions_in_one_split_divide_the_others_too(tmp_path: Path) -> None:
    """Nothing is cut off to whole numbers where one split is uint8."""
    datasets, notes = imported(tmp_path, {"train": np.uint8(GREY), "test": GREY})
    np.testing.assert_allclose(datasets["test"].images[..., 0], GREY / 255, rtol=1e-6)
    np.testing.assert_allclose(datasets["train"].images[..., 0], np.uint8(GREY) / 255, rtol=1e-6)
    assert notes == ["float64, uint8 images in 0..255 are divided by 255, to be in 0..1"]


def test_other_values_up_to_255_are_divided(tmp_path: Path, images: np.ndarray) -> None:
    smooth = images * np.float32(0.99)
    datasets, notes = imported(tmp_path, {"train": smooth, "test": smooth[:2]})
    np.testing.assert_allclose(datasets["train"].images, smooth / 255, rtol=1e-6)
    assert datasets["test"].images.dtype == np.float32
    assert "are divided by 255" in notes[0]


def test_values_in_0_to_1_stay(tmp_path: Path, images: np.ndarray) -> None:
    datasets, notes = imported(tmp_path, {"train": images / 255})
    np.testing.assert_array_equal(datasets["train"].images, np.float32(images / 255))
    assert notes == ["float64 images stored as float32"]


def test_standardised_values_stay_and_are_named(tmp_path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(9, 4, 4, 1)).astype(np.float32)
    datasets, notes = imported(tmp_path, {"train": images})
    np.testing.assert_array_equal(datasets["train"].images, images)
    assert "neither 0..1 nor 0..255: kept as they are" in notes[0]


def test_booleans_become_black_and_white(tmp_path: Path) -> None:
    datasets, notes = imported(tmp_path, {"train": np.eye(4, dtype=bool)[None]})
    np.testing.assert_array_equal(datasets["train"].images[0, :, :, 0], np.eye(4) * 255)
    assert notes == ["booleans are stored as 0 and 255"]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((2, 4, 4), 4095, np.uint16), r"integer images must be in 0\.\.255, got 4095"),
        (np.full((2, 4, 4), -1), r"integer images must be in 0\.\.255, got -1"),
        (np.full((2, 4, 4), -300.5), r"must be in 0\.\.1 or 0\.\.255, got -300\.5"),
        (np.full((2, 4, 4), 1j), "got complex128"),
        (np.zeros((2, 0, 4), np.uint8), r"got uint8 of shape \(2, 0, 4\)"),
    ],
)
def test_other_ranges_are_refused(tmp_path: Path, images: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        imported(tmp_path, {"train": images})


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_first_become_channels_last(tmp_path: Path, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 7, channels), np.uint8)
    datasets, notes = imported(tmp_path, {"train": images.transpose(0, 3, 1, 2)})
    np.testing.assert_array_equal(datasets["train"].images, images)
    assert "taken to be (channels, height, width)" in notes[0]


def test_splits_in_other_spellings(tmp_path: Path, images: np.ndarray) -> None:
    datasets, _ = imported(tmp_path, {"Training": images, "TEST": images, "val": images[:2]})
    assert list(datasets) == ["train", "test", "validation"]
    assert len(datasets["validation"]) == 2


def test_splits_without_training_data_are_refused(tmp_path: Path, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"no training split with images\.npy, found .*in/test"):
        imported(tmp_path, {"test": images})


def test_a_split_in_two_folders_is_refused(tmp_path: Path, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="the folders Train and train are both named after"):
        imported(tmp_path, {"train": images, "Train": images})


def test_labels_as_a_column_and_booleans(tmp_path: Path, images: np.ndarray) -> None:
    column = save(tmp_path / "a", images, np.arange(23)[:, None] % 3)
    dataset = import_dataset(column, tmp_path / "out")["train"]
    assert dataset.labels[:4].tolist() == [0, 1, 2, 0]
    booleans = save(tmp_path / "b", images, np.arange(23) % 2 == 0)
    dataset = import_dataset(booleans, tmp_path / "out2")["train"]
    assert dataset.labels[:3].tolist() == [1, 0, 1]


def test_a_dataset_folder_keeps_its_class_names(tmp_path: Path, dataset: Dataset) -> None:
    copy = import_dataset(dataset.path, tmp_path / "copy", size=(2, 2))["train"]
    assert copy.class_names == dataset.class_names


@pytest.mark.parametrize(
    ("train", "test", "numbers", "names"),
    [
        ([1, 2, 1], [2, 2, 1], [[0, 1, 0], [1, 1, 0]], ("1", "2")),
        ([0, 2, 0], [1, 2, 1], [[0, 2, 0], [1, 2, 1]], None),
        ([0, 2, 0], [2, 2, 0], [[0, 1, 0], [1, 1, 0]], ("0", "2")),
        (["b", "a", "b"], ["a", "b", "a"], [[1, 0, 1], [0, 1, 0]], ("a", "b")),
    ],
)
def test_labels_that_are_no_class_numbers_become_some(
    tmp_path: Path, train: Any, test: Any, numbers: list[list[int]], names: tuple[str, ...] | None
) -> None:
    """A class that only the test data have samples of keeps its number."""
    images = np.zeros((3, 4, 4, 1), np.uint8)
    for split, labels in (("train", train), ("test", test)):
        save(tmp_path / "in" / split, images, np.array(labels))
    datasets = import_dataset(tmp_path / "in", tmp_path / "out")
    assert [dataset.labels.tolist() for dataset in datasets.values()] == numbers
    assert {dataset.class_names for dataset in datasets.values()} == {names}


def test_string_labels_of_another_class_are_refused(tmp_path: Path) -> None:
    images = np.zeros((2, 4, 4, 1), np.uint8)
    for split, labels in (("train", ["a", "b"]), ("test", ["a", "z"])):
        save(tmp_path / "in" / split, images, np.array(labels))
    with pytest.raises(ValueError, match=r"test/labels\.npy has the label z in row 1, which no"):
        import_dataset(tmp_path / "in", tmp_path / "out")


def make_special(path: Path, form: str) -> None:
    """What `path` may be that is no file to read."""
    path.unlink(missing_ok=True)
    if form == "link":
        path.symlink_to("gone")
    elif form == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)


SPECIAL = {"link": "is a link to nothing", "folder": "is a folder", "pipe": "is a named pipe"}


@pytest.mark.parametrize("form", SPECIAL)
@pytest.mark.parametrize(
    "name", ["train/images.npy", "train/labels.npy", "test/images.npy", "test/labels.npy"]
)
def test_names_that_are_no_files_are_refused(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, name: str, form: str
) -> None:
    for split in ("train", "test"):
        save(tmp_path / "in" / split, images, labels)
    make_special(tmp_path / "in" / name, form)
    with pytest.raises(ValueError, match=f"in/{name} {SPECIAL[form]}"):
        import_dataset(tmp_path / "in", tmp_path / "out")
    if name.startswith("train"):
        with pytest.raises(ValueError, match=f"in/{name} {SPECIAL[form]}"):
            import_dataset(tmp_path / "in" / "train", tmp_path / "out")


@pytest.mark.parametrize("form", ["link", "pipe"])
def test_a_split_folder_that_is_none_is_refused(
    tmp_path: Path, images: np.ndarray, form: str
) -> None:
    save(tmp_path / "in" / "train", images, None)
    make_special(tmp_path / "in" / "test", form)
    with pytest.raises(ValueError, match=f"in/test {SPECIAL[form]}"):
        import_dataset(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("images", r"in/test has labels\.npy, but no images\.npy"),
        ("labels", r"in/test has no labels\.npy, but .*in/train has"),
    ],
)
def test_half_a_pair_is_refused(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, name: str, message: str
) -> None:
    for split in ("train", "test"):
        save(tmp_path / "in" / split, images, labels)
    (tmp_path / "in" / "test" / f"{name}.npy").unlink()
    with pytest.raises(ValueError, match=message):
        import_dataset(tmp_path / "in", tmp_path / "out")
    if name == "labels":
        assert import_dataset(tmp_path / "in", tmp_path / "out", with_labels=False)["test"]


@pytest.mark.parametrize("name", ["labels.npz", "Labels.npy", "targets.npy"])
def test_labels_under_other_names_are_noted(tmp_path: Path, images: np.ndarray, name: str) -> None:
    source = save(tmp_path / "in", images, None)
    (source / name).write_bytes(b"")
    notes: list[str] = []
    import_dataset(source, tmp_path / "out", note=notes.append)
    assert notes == [
        f"left out {source / name}: only images.npy and labels.npy of each split are read",
        "there is no labels.npy, so the images have no labels",
    ]


def test_arrays_beside_split_folders_are_noted_or_refused(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray
) -> None:
    root = tmp_path / "in"
    for split in ("train", "extra"):
        save(root / split, images, labels)
    np.save(root / "labels.npy", labels)
    (root / "test").mkdir()
    notes: list[str] = []
    import_dataset(root, tmp_path / "out", note=notes.append)
    left_out = f"{root / 'labels.npy'}, {root / 'extra'}, {root / 'test'}"
    assert notes == [f"left out {left_out}: only images.npy and labels.npy of each split are read"]
    np.save(root / "images.npy", images)
    with pytest.raises(
        ValueError, match=r"in has images\.npy and also .*in/train/images\.npy; move"
    ):
        import_dataset(root, tmp_path / "out")
