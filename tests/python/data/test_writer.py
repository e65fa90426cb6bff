"""Writing a dataset folder: what is refused, and what is left behind."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from insects import CLASS_NAMES, N_SAMPLES, names_in, writer
from thinset.data import (
    Dataset,
    GeneratedBy,
    ScheduleStep,
    TrainingSchedule,
    open_dataset,
    verify_dataset,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_numpy_reads_the_files_by_itself(dataset: Dataset, images: np.ndarray) -> None:
    np.testing.assert_array_equal(np.load(dataset.path / "images.npy"), images)


def test_the_digests_are_those_of_the_files(dataset: Dataset) -> None:
    for entry in dataset.manifest.arrays.values():
        content = (dataset.path / entry.file).read_bytes()
        assert entry.sha256 == hashlib.sha256(content).hexdigest()


def test_without_labels(tmp_path: Path, images: np.ndarray) -> None:
    with writer(tmp_path / "out") as target:
        target.append(images)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.labels is None
    assert dataset.n_classes == 0
    assert dataset[0][1] == -1
    assert names_in(dataset.path) == ["images.npy", "manifest.json"]


def test_float_images(tmp_path: Path, images: np.ndarray) -> None:
    with writer(tmp_path / "out", image_dtype="float32") as target:
        target.append(images.astype(np.float32) / 3)
    np.testing.assert_array_equal(open_dataset(tmp_path / "out").images, np.float32(images) / 3)


def test_non_contiguous_rows_are_written_in_order(tmp_path: Path, images: np.ndarray) -> None:
    with writer(tmp_path / "out") as target:
        target.append(images[::-1])
    np.testing.assert_array_equal(open_dataset(tmp_path / "out").images, images[::-1])


@pytest.mark.parametrize("n_rows", [0, N_SAMPLES - 1])
def test_too_few_rows_leave_nothing(tmp_path: Path, images: np.ndarray, n_rows: int) -> None:
    with (
        pytest.raises(ValueError, match=f"n_samples is {N_SAMPLES}, but only {n_rows} rows"),
        writer(tmp_path / "out") as target,
    ):
        target.append(images[:n_rows])
    assert names_in(tmp_path) == []


def test_too_many_rows_leave_nothing(tmp_path: Path, images: np.ndarray) -> None:
    with (
        pytest.raises(ValueError, match="rows up to 24 were appended"),
        writer(tmp_path / "out") as target,
    ):
        target.append(images)
        target.append(images[:1])
    assert names_in(tmp_path) == []


def test_an_error_in_between_leaves_nothing(tmp_path: Path, images: np.ndarray) -> None:
    with pytest.raises(KeyboardInterrupt), writer(tmp_path / "out") as target:
        target.append(images)
        raise KeyboardInterrupt
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(N_SAMPLES, 0.5), "labels must be integers"),
        (np.full(N_SAMPLES, np.nan), "labels must be integers"),
        (np.zeros((N_SAMPLES, 1), int), "labels must have shape"),
        (np.zeros(N_SAMPLES - 1, int), "labels must have shape"),
        (np.eye(1, N_SAMPLES, 5, dtype=int)[0] * 3, r"labels must be in 0\.\.2, got 3 in row 5"),
        (-np.eye(1, N_SAMPLES, 5, dtype=int)[0], r"labels must be in 0\.\.2, got -1 in row 5"),
        (np.full(N_SAMPLES, 2**63, np.uint64), r"got 9223372036854775808 in row 0"),
    ],
)
def test_labels_that_do_not_hold_up(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with (
        pytest.raises(ValueError, match=message),
        writer(tmp_path / "out", class_names=CLASS_NAMES) as target,
    ):
        target.append(images, labels)
    assert names_in(tmp_path) == []


def test_labels_out_of_int64_are_refused_without_class_names(
    tmp_path: Path, images: np.ndarray
) -> None:
    with (
        pytest.raises(ValueError, match="got 9223372036854775808 in row 0"),
        writer(tmp_path / "out") as target,
    ):
        target.append(images, np.full(N_SAMPLES, 2**63, np.uint64))


@pytest.mark.parametrize("labels_come", ["first", "later"])
def test_labels_for_some_batches_only_are_refused(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, labels_come: str
) -> None:
    first, later = (labels[:10], None) if labels_come == "first" else (None, labels[10:])
    with (
        pytest.raises(ValueError, match="either every batch has labels or none"),
        writer(tmp_path / "out") as target,
    ):
        target.append(images[:10], first)
        target.append(images[10:], later)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_shape": (4, 5)}, "image_shape must be"),
        ({"image_dtype": "float64"}, "image_dtype must be one of"),
        ({"n_samples": 0}, r"n_samples must be a whole number from 1 to 2\*\*63 - 1, got 0"),
        ({"n_samples": 5.0}, r"n_samples must be a whole number from 1 to 2\*\*63 - 1, got 5.0"),
        ({"n_samples": True}, r"n_samples must be a whole number from 1 to 2\*\*63 - 1, got True"),
        ({"image_shape": (4, 5, 0)}, r"image_shape\[2\] must be a whole number from 1"),
        ({"name": 3}, "name must be a text, got 3"),
        ({"class_names": ("a", 2)}, r"class_names\[1\] must be a text, got 2"),
        (
            {"provenance": {"x": float("nan")}},
            "manifest.json: provenance.x must be a finite number, got nan",
        ),
        ({"provenance": {"kind": "generated"}}, "provenance: lacks the entry 'by'"),
        (
            {"provenance": GeneratedBy(by="gan", seed=-1)},
            r"provenance\.seed must be a whole number from 0 .* or none, got -1",
        ),
    ],
)
def test_settings_that_do_not_hold_up(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        writer(tmp_path / "out", **changes)


@pytest.mark.parametrize("unfit", [np.zeros((2, 4, 5, 3)), np.zeros((2, 5, 4, 3), np.uint8)])
def test_images_of_another_kind_are_refused(tmp_path: Path, unfit: np.ndarray) -> None:
    with (
        pytest.raises(ValueError, match=r"rows must be uint8 of shape \(4, 5, 3\), got"),
        writer(tmp_path / "out") as target,
    ):
        target.append(unfit)


def test_an_existing_folder_is_kept_unless_told(
    tmp_path: Path, dataset: Dataset, images: np.ndarray
) -> None:
    with pytest.raises(FileExistsError, match="already exists"), writer(dataset.path):
        pass
    verify_dataset(dataset.path)
    with writer(dataset.path, n_samples=2, overwrite=True) as target:
        target.append(images[:2])
    assert len(open_dataset(dataset.path)) == 2
    assert names_in(tmp_path) == ["source"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_shape": 4.5}, r"image_shape must be three whole numbers, .*, got 4.5"),
        ({"image_shape": "4x5"}, "image_shape must be three whole numbers, .*, got '4x5'"),
        ({"image_shape": (4, 5.0, 3)}, r"image_shape\[1\] must be a whole number .*, got 5.0"),
        ({"image_shape": (4, "5", 3)}, r"image_shape\[1\] must be a whole number .*, got '5'"),
        ({"image_shape": None}, "image_shape must be three whole numbers, .*, got None"),
        ({"image_dtype": 3}, "image_dtype must be one of .*, got 3"),
        ({"image_dtype": None}, "image_dtype must be one of .*, got None"),
        ({"n_samples": "5"}, "n_samples must be a whole number .*, got '5'"),
        ({"n_samples": None}, "n_samples must be a whole number .*, got None"),
        ({"n_samples": 10**5000}, "n_samples must be a whole number .*, got an integer of"),
        ({"class_names": "cat"}, "class_names must be a list of texts, .* got 'cat'"),
        ({"class_names": 3}, "class_names must be a list of texts, .* got 3"),
        ({"class_names": {"a": 1}}, "class_names must be a list of texts, .* got {'a': 1}"),
        ({"schedule": {"steps": []}}, "schedule must be a TrainingSchedule, got {'steps'"),
        ({"schedule": TrainingSchedule(((0, 1),))}, r"schedule.steps\[0\] must be a ScheduleStep"),
        ({"provenance": "a gan"}, "provenance must be one of the types .*, got 'a gan'"),
        ({"provenance": [1]}, r"provenance must be one of the types .*, got \[1\]"),
    ],
)
def test_arguments_of_wrong_types_are_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        writer(tmp_path / "out", **changes)


@pytest.mark.parametrize(
    ("argument", "convert", "message"),
    [
        ("images", list, "images must be a numpy array of shape .*, got list; convert it with"),
        ("labels", list, r"labels must be a numpy array of shape \(B,\), got list; convert"),
        ("soft_labels", list, r"soft_labels must be a numpy array of shape \(B, C\), got list"),
        ("labels", str, "labels must be a numpy array .*, got str"),
        ("images", lambda images: images[0], r"images must have shape \(B, height, .*, got shape"),
        ("labels", lambda labels: labels[0], "labels must be a numpy array .*, got int64"),
        (
            "soft_labels",
            lambda rows: rows[0],
            r"soft_labels must be .* got float32 of shape \(4,\)",
        ),
    ],
)
def test_batches_of_wrong_types_are_named(
    tmp_path: Path,
    images: np.ndarray,
    labels: np.ndarray,
    argument: str,
    convert: Any,
    message: str,
) -> None:
    batch = {
        "images": images,
        "labels": labels.astype(np.int64),
        "soft_labels": np.full((len(images), 4), 0.25, np.float32),
    }
    with pytest.raises(ValueError, match=message), writer(tmp_path / "out") as target:
        target.append(**{**batch, argument: convert(batch[argument])})
    assert names_in(tmp_path) == []


def test_numbers_of_numpy_are_whole_numbers(tmp_path: Path, images: np.ndarray) -> None:
    shape, n_samples = np.array(images.shape[1:]), np.int32(len(images))
    with writer(
        tmp_path / "out", image_shape=shape, n_samples=n_samples, class_names=np.array(["a", "b"]),
        schedule=TrainingSchedule((ScheduleStep((0, 2), 0.1),)),
    ) as target:  # fmt: skip
        target.append(images)
    assert open_dataset(tmp_path / "out").image_shape == images.shape[1:]


@pytest.mark.parametrize("role", ["../x", "x/y", "", "..", "a\0b"])
def test_further_arrays_stay_in_the_folder(tmp_path: Path, images: np.ndarray, role: str) -> None:
    with (
        pytest.raises(ValueError, match="role must be a plain file name in the folder, got"),
        writer(tmp_path / "data") as out,
    ):
        out.add(role, np.zeros(3))
    assert names_in(tmp_path) == []


def test_further_arrays_hold_no_objects(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="notes must hold plain numbers or texts, got object"),
        writer(tmp_path / "data") as out,
    ):
        out.add("notes", np.array([None]))


def test_a_writer_needs_a_with_statement(tmp_path: Path, images: np.ndarray) -> None:
    with pytest.raises(RuntimeError, match="inside a with statement"):
        writer(tmp_path / "data").append(images)
    with pytest.raises(RuntimeError, match="inside a with statement"):
        writer(tmp_path / "data").add("notes", images)
