"""Soft labels are kept, checked and handed on wherever labels are."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.data import (
    Dataset,
    DatasetWriter,
    import_dataset,
    open_dataset,
    require_matching_splits,
    verify_dataset,
    write_long_tailed,
    write_photographs,
    write_redundant,
    write_subset,
)
from thinset.data.soft_labels import class_numbers

if TYPE_CHECKING:
    from pathlib import Path

N_SAMPLES = 23  # of the fixtures
CLASS_NAMES = ("ant", "bee", "cat")
N_CLASSES = len(CLASS_NAMES)


def probabilities(n_classes: int = N_CLASSES, dtype: Any = np.float32) -> np.ndarray:
    values = np.random.default_rng(1).random((N_SAMPLES, n_classes))
    return (values / values.sum(axis=1, keepdims=True)).astype(dtype)


SOFT = probabilities()


def changed(row: int, values: list[float]) -> np.ndarray:
    soft_labels = SOFT.copy()
    soft_labels[row] = values
    return soft_labels


def write(out: Path, images: np.ndarray, *arrays: Any, **settings: Any) -> Dataset:
    """A dataset folder written in two batches: labels and soft labels, or None for either."""
    with DatasetWriter(
        out,
        **{
            "name": "insects",
            "image_shape": images.shape[1:],
            "image_dtype": images.dtype,
            "n_samples": len(images),
            "class_names": CLASS_NAMES,
            **settings,
        },
    ) as writer:
        for rows in (slice(0, 10), slice(10, None)):
            writer.append(images[rows], *(None if a is None else a[rows] for a in arrays))
    return open_dataset(out)


@pytest.fixture
def soft(tmp_path: Path, images: np.ndarray, labels: np.ndarray) -> Dataset:
    return write(tmp_path / "soft", images, labels, SOFT)


def overwrite_value(dataset: Dataset, row: int, column: int, value: float) -> None:
    array = np.lib.format.open_memmap(dataset.path / "soft_labels.npy", mode="r+")
    array[row, column] = value
    array.flush()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_they_stand_beside_labels(soft: Dataset, labels: np.ndarray) -> None:
    np.testing.assert_array_equal(soft.soft_labels, SOFT)
    np.testing.assert_array_equal(soft.labels, labels)
    assert isinstance(soft.soft_labels, np.memmap)
    assert soft.soft_labels.dtype == np.float32
    assert soft[4][1] == labels[4]
    assert names_in(soft.path) == ["images.npy", "labels.npy", "manifest.json", "soft_labels.npy"]
    verify_dataset(soft.path)


def test_they_stand_instead_of_labels(tmp_path: Path, images: np.ndarray) -> None:
    dataset = write(tmp_path / "out", images, None, probabilities(7), class_names=None)
    assert dataset.labels is None
    assert dataset.n_classes == 7
    assert dataset[0][1] == -1
    assert "labels" not in dataset.manifest.arrays


def test_a_dataset_without_them_has_none(dataset: Dataset) -> None:
    assert dataset.soft_labels is None


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4"])
def test_other_floating_point_types_become_float32(
    tmp_path: Path, images: np.ndarray, dtype: Any
) -> None:
    given = probabilities(dtype=dtype)
    dataset = write(tmp_path / "out", images, None, given)
    np.testing.assert_array_equal(dataset.soft_labels, given.astype(np.float32))
    assert dataset.soft_labels.dtype.isnative


def test_sums_may_be_rounded(tmp_path: Path, images: np.ndarray) -> None:
    for factor in (1 - 9e-4, 1 + 9e-4):
        write(tmp_path / str(factor), images, None, SOFT * np.float32(factor))
    for factor in (1 - 1.1e-3, 1 + 1.1e-3):
        with pytest.raises(ValueError, match=r"row 0 sums to .* must sum to 1 \(within 0\.001\)"):
            write(tmp_path / str(factor), images, None, SOFT * np.float32(factor))


FAULTS: list[tuple[list[float], str]] = [
    ([0.5, np.nan, 0.5], "row 17 holds nan in column 1, but soft labels must be finite"),
    ([np.inf, 0, 0], "row 17 holds inf in column 0"),
    ([1, 1, -1], r"row 17 holds -1\.0 in column 2"),
    ([np.inf, -np.inf, np.nan], "row 17 holds inf in column 0"),
    ([3e38, 3e38, 3e38], r"row 17 sums to 9e\+38"),
    ([0.5, 0.5, 0.5], r"row 17 sums to 1\.5, but the soft labels of a sample must sum to 1"),
    ([0, 0, 0], "row 17 sums to 0,"),
]


@pytest.mark.parametrize(("values", "message"), FAULTS)
def test_rows_that_are_no_probabilities_are_refused_on_writing(
    tmp_path: Path, images: np.ndarray, values: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=f"soft_labels: {message}"):
        write(tmp_path / "out", images, None, changed(17, values))
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("n_bytes_per_piece", [1 << 24, 5 * 4 * N_CLASSES, 1])
@pytest.mark.parametrize(("values", "message"), FAULTS)
def test_rows_that_are_no_probabilities_are_refused_on_opening(
    tmp_path: Path,
    soft: Dataset,
    values: list[float],
    message: str,
    n_bytes_per_piece: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("thinset.data.soft_labels._BYTES_PER_PIECE", n_bytes_per_piece)
    for column, value in enumerate(values):
        overwrite_value(soft, 17, column, value)
    match = rf"soft/soft_labels\.npy: {message}"
    for refuse in (open_dataset, verify_dataset):
        with pytest.raises(ValueError, match=match):
            refuse(soft.path)
    # Also where it was opened before.
    for source in (soft, soft.path):
        with pytest.raises(ValueError, match=match):
            write_subset([1, 2], source, tmp_path / "subset")
    assert names_in(tmp_path) == ["soft"]


def test_verify_finds_what_is_still_a_probability(soft: Dataset) -> None:
    overwrite_value(soft, 3, 0, float(SOFT[3, 1]))
    overwrite_value(soft, 3, 1, float(SOFT[3, 0]))
    open_dataset(soft.path)
    with pytest.raises(ValueError, match=r"soft_labels\.npy has changed since it was written"):
        verify_dataset(soft.path)


@pytest.mark.parametrize("n_bytes", [0, 40, 130, 200])
def test_a_truncated_file_is_refused(soft: Dataset, n_bytes: int) -> None:
    os.truncate(soft.path / "soft_labels.npy", n_bytes)
    with pytest.raises(ValueError, match=r"soft_labels\.npy' is not a usable \.npy file"):
        open_dataset(soft.path)


@pytest.mark.parametrize(
    "other",
    [SOFT[:, :2], SOFT[1:], SOFT.astype(np.float64), SOFT.T, np.array([{}], object), SOFT[:, :0]],
)
def test_another_array_in_the_place_is_refused(soft: Dataset, other: np.ndarray) -> None:
    np.save(soft.path / "soft_labels.npy", other, allow_pickle=True)
    with pytest.raises(ValueError, match=r"soft_labels\.npy"):
        open_dataset(soft.path)


def test_a_missing_file_is_named(soft: Dataset) -> None:
    (soft.path / "soft_labels.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"soft_labels\.npy"):
        open_dataset(soft.path)


@pytest.mark.parametrize(
    ("unfit", "message"),
    [
        (np.eye(N_CLASSES, dtype=int)[np.zeros(N_SAMPLES, int)], "must be floating-point numbers"),
        (np.ones(N_SAMPLES, np.float32), r"of shape \(B, C\).*, got float32 of shape \(10,\)"),
        (np.ones((N_SAMPLES, 0), np.float32), r"got float32 of shape \(10, 0\)"),
        (np.ones((N_SAMPLES, 3), complex), "got complex128"),
        (np.ones((N_SAMPLES, 3), object), "got object"),
        (probabilities(4), r"soft_labels must have shape \(10, 3\), got \(10, 4\)"),
        (np.full((N_SAMPLES, 3), 1e300), "soft_labels: row 0 holds inf in column 0"),
    ],
)
def test_what_are_no_soft_labels_is_refused(
    tmp_path: Path, images: np.ndarray, unfit: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "out", images, None, unfit)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (SOFT[:10], None, "either every batch has soft labels or none has"),
        (None, SOFT[10:], "either every batch has soft labels or none has"),
        (SOFT[:10], probabilities(4)[10:], r"must have shape \(13, 3\), got \(13, 4\)"),
        (SOFT[:10], SOFT[11:], r"must have shape \(13, 3\), got \(12, 3\)"),
    ],
)
def test_batches_have_to_agree(
    tmp_path: Path, images: np.ndarray, first: Any, second: Any, message: str
) -> None:
    with (
        pytest.raises(ValueError, match=message),
        DatasetWriter(
            tmp_path / "out",
            name="x",
            image_shape=images.shape[1:],
            image_dtype="uint8",
            n_samples=N_SAMPLES,
        ) as writer,
    ):
        writer.append(images[:10], None, first)
        writer.append(images[10:], soft_labels=second)
    assert names_in(tmp_path) == []


def test_labels_are_classes_of_the_soft_labels(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray
) -> None:
    beyond = labels + (np.arange(N_SAMPLES) == 11)
    with pytest.raises(ValueError, match=r"labels must be in 0\.\.2, got 3 in row 11"):
        write(tmp_path / "out", images, beyond, SOFT, class_names=None)
    dataset = write(tmp_path / "out", images, labels, SOFT, class_names=None)
    stored = np.lib.format.open_memmap(dataset.path / "labels.npy", mode="r+")
    stored[5] = 3
    stored.flush()
    with pytest.raises(ValueError, match=r"labels\.npy: label 3 in row 5 .* has 3 classes"):
        open_dataset(dataset.path)


def test_the_fingerprint_covers_them(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, soft: Dataset, dataset: Dataset
) -> None:
    assert write(tmp_path / "a", images, labels, SOFT).fingerprint == soft.fingerprint
    others = (write(tmp_path / "b", images, labels, changed(3, [0, 0, 1])), dataset)
    assert soft.fingerprint not in [other.fingerprint for other in others]


@pytest.mark.parametrize("with_labels", [True, False])
def test_a_subset_has_those_of_its_rows(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, with_labels: bool
) -> None:
    rows = [22, 0, 7, 7, 3]
    source = write(tmp_path / "source", images, labels if with_labels else None, SOFT)
    subset = write_subset(rows, source, tmp_path / "subset", n_threads=2)
    np.testing.assert_array_equal(subset.soft_labels, SOFT[rows])
    assert (subset.labels is None) == (not with_labels)
    verify_dataset(subset.path)
    again = write_subset([4, 0], subset.path, tmp_path / "again")
    np.testing.assert_array_equal(again.soft_labels, SOFT[[3, 22]])


def test_variants_keep_them(tmp_path: Path, images: np.ndarray, soft: Dataset) -> None:
    redundant = write_redundant(soft, tmp_path / "redundant")
    by_label = {SOFT[row].tobytes(): row % N_CLASSES for row in range(N_SAMPLES)}
    for label, values in zip(redundant.labels, redundant.soft_labels, strict=True):
        assert by_label[values.tobytes()] == label
    tail = write_long_tailed(soft, tmp_path / "tail", imbalance=2)
    np.testing.assert_array_equal(tail.soft_labels, SOFT[tail.array("indices")])
    with pytest.raises(ValueError, match=r"soft has soft labels, which the parquet file cannot"):
        write_photographs(soft, tmp_path / "photographs.parquet", side=8)
    assert not (tmp_path / "photographs.parquet").exists()


def test_an_import_says_that_it_leaves_them_out(tmp_path: Path, soft: Dataset) -> None:
    notes: list[str] = []
    imported = import_dataset(soft.path, tmp_path / "data", note=notes.append)["train"]
    expected = (
        f"left out the soft labels of {soft.path}; to keep them, use the dataset folder itself"
    )
    assert notes == [expected]
    assert imported.soft_labels is None
    assert imported.manifest.provenance.notes == [expected]


def test_a_replaced_folder_may_have_them(soft: Dataset, dataset: Dataset) -> None:
    write_subset([0], dataset, soft.path, overwrite=True)
    assert names_in(soft.path) == ["images.npy", "indices.npy", "labels.npy", "manifest.json"]


def test_training_and_test_data_may_have_them_alone(
    tmp_path: Path, images: np.ndarray, soft: Dataset, dataset: Dataset
) -> None:
    alone = write(tmp_path / "alone", images, None, SOFT)
    unnamed = write(tmp_path / "unnamed", images, None, probabilities(4), class_names=None)
    for train, test in ((alone, dataset), (dataset, alone), (alone, soft)):
        require_matching_splits(train, test)
    # A model gives one logit per class of the training data, soft labels must have as many.
    for train, test, message in (
        (alone, unnamed, "has soft labels for 4 classes, but the training data have 3"),
        (unnamed, alone, "has soft labels for 3 classes, but the training data have 4"),
    ):
        with pytest.raises(ValueError, match=message):
            require_matching_splits(train, test)


@pytest.mark.parametrize("n_bytes_per_piece", [1 << 24, 2 * 4 * N_CLASSES, 1])
def test_the_most_probable_class_stands_for_a_missing_label(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch, n_bytes_per_piece: int
) -> None:
    monkeypatch.setattr("thinset.data.soft_labels._BYTES_PER_PIECE", n_bytes_per_piece)
    values = probabilities()
    values[3] = 1 / N_CLASSES  # all equal: the lowest
    alone = write(tmp_path / "alone", images, None, values)
    np.testing.assert_array_equal(class_numbers(alone), values.argmax(axis=1))
    assert class_numbers(alone)[3] == 0
    labels = np.arange(len(images)) % N_CLASSES
    np.testing.assert_array_equal(
        class_numbers(write(tmp_path / "both", images, labels, values)), labels
    )
    assert class_numbers(write(tmp_path / "none", images)) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("n_written", [0, 10, N_SAMPLES])
def test_killed_while_writing_the_old_folder_stays(
    images: np.ndarray, labels: np.ndarray, soft: Dataset, n_written: int
) -> None:
    child = os.fork()
    if child == 0:
        with DatasetWriter(
            soft.path,
            name="other",
            image_shape=images.shape[1:],
            image_dtype="uint8",
            n_samples=N_SAMPLES,
            overwrite=True,
        ) as writer:
            writer.append(images[:n_written], labels[:n_written], SOFT[:n_written][::-1])
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    verify_dataset(soft.path)
    np.testing.assert_array_equal(open_dataset(soft.path).soft_labels, SOFT)
