from __future__ import annotations

import hashlib
import pickle
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.data import Dataset, DatasetWriter, GeneratedBy, open_dataset, verify_dataset

if TYPE_CHECKING:
    from pathlib import Path

N_SAMPLES = 23  # of the fixtures
CLASS_NAMES = ("ant", "bee", "cat")


def writer(out: Path, **changes: Any) -> DatasetWriter:
    settings: dict[str, Any] = {
        "name": "insects",
        "image_shape": (4, 5, 3),
        "image_dtype": "uint8",
        "n_samples": N_SAMPLES,
    }
    return DatasetWriter(out, **(settings | changes))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_what_is_opened(
    dataset: Dataset, images: np.ndarray, labels: np.ndarray
) -> None:
    assert names_in(dataset.path) == ["images.npy", "labels.npy", "manifest.json"]
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert isinstance(dataset.images, np.memmap)
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.dtype == np.int64
    assert (len(dataset), dataset.image_shape, dataset.n_classes) == (N_SAMPLES, (4, 5, 3), 3)
    assert (dataset.name, dataset.class_names) == ("insects", CLASS_NAMES)
    assert dataset.manifest.provenance == {"kind": "test"}
    assert names_in(dataset.path.parent) == ["source"]


def test_numpy_reads_the_files_by_itself(dataset: Dataset, images: np.ndarray) -> None:
    np.testing.assert_array_equal(np.load(dataset.path / "images.npy"), images)


def test_the_digests_are_those_of_the_files(dataset: Dataset) -> None:
    for entry in dataset.manifest.arrays.values():
        content = (dataset.path / entry.file).read_bytes()
        assert entry.sha256 == hashlib.sha256(content).hexdigest()


def test_the_mapped_arrays_cannot_be_written(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="read-only"):
        dataset.images[0] = 0


def test_items_are_copies_with_an_int_label(dataset: Dataset, images: np.ndarray) -> None:
    image, label = dataset[np.int64(4)]
    np.testing.assert_array_equal(image, images[4])
    assert (type(label), label) == (int, 1)
    image[:] = 0
    np.testing.assert_array_equal(dataset.images[4], images[4])
    np.testing.assert_array_equal(dataset[-1][0], images[-1])


def test_iteration_ends(dataset: Dataset) -> None:
    assert len(list(dataset)) == N_SAMPLES
    with pytest.raises(IndexError):
        dataset[N_SAMPLES]
    with pytest.raises(TypeError):
        dataset["0"]  # type: ignore[index]


def test_torch_loads_it_like_any_dataset(dataset: Dataset, images: np.ndarray) -> None:
    data = pytest.importorskip("torch.utils.data")
    batches = list(data.DataLoader(dataset, batch_size=8))
    np.testing.assert_array_equal(np.concatenate([x.numpy() for x, _ in batches]), images)
    np.testing.assert_array_equal(np.concatenate([y.numpy() for _, y in batches]), dataset.labels)


def test_a_worker_process_gets_the_path_not_the_content(dataset: Dataset) -> None:
    message = pickle.dumps(dataset)
    assert len(message) < 1000
    np.testing.assert_array_equal(pickle.loads(message).images, dataset.images)


def test_without_labels(tmp_path: Path, images: np.ndarray) -> None:
    with writer(tmp_path / "out") as target:
        target.append(images)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.labels is None
    assert dataset.n_classes == 0
    assert dataset[0][1] == -1
    assert names_in(dataset.path) == ["images.npy", "manifest.json"]


def test_without_class_names_the_largest_label_counts(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray
) -> None:
    with writer(tmp_path / "out") as target:
        target.append(images, labels.astype(np.uint8) * 7)
    assert open_dataset(tmp_path / "out").n_classes == 15


def test_float_images(tmp_path: Path, images: np.ndarray) -> None:
    with writer(tmp_path / "out", image_dtype="float32") as target:
        target.append(images.astype(np.float32) / 3)
    np.testing.assert_array_equal(open_dataset(tmp_path / "out").images, np.float32(images) / 3)


def test_the_fingerprint_is_that_of_the_content(
    tmp_path: Path, dataset: Dataset, images: np.ndarray, labels: np.ndarray
) -> None:
    for name, changed in (("same", labels), ("other", labels[::-1])):
        with writer(tmp_path / name, name=name) as target:
            target.append(images, changed)
    assert open_dataset(tmp_path / "same").fingerprint == dataset.fingerprint
    assert open_dataset(tmp_path / "other").fingerprint != dataset.fingerprint


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


def test_verify_names_the_file_that_changed(dataset: Dataset) -> None:
    verify_dataset(dataset.path)
    with open(dataset.path / "labels.npy", "r+b") as file:
        file.seek(-8, 2)
        file.write(b"\x02")
    with pytest.raises(ValueError, match=r"labels\.npy has changed since it was written"):
        verify_dataset(dataset.path)


@pytest.mark.parametrize("n_bytes", [0, 5, 40, 200])
def test_a_truncated_array_is_refused(dataset: Dataset, n_bytes: int) -> None:
    path = dataset.path / "images.npy"
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match=r"images\.npy' is not a usable \.npy file"):
        open_dataset(dataset.path)


@pytest.mark.parametrize(
    "header",
    [b"{'descr': (", b"{'descr': '|u1', 'shape': (99999999999999999999,)}", b"1 +", b"\xff"],
)
def test_a_damaged_header_is_refused(dataset: Dataset, header: bytes) -> None:
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    (dataset.path / "images.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"images\.npy' is not a usable \.npy file"):
        open_dataset(dataset.path)


def test_pickled_objects_are_refused(dataset: Dataset) -> None:
    np.save(dataset.path / "images.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"images\.npy"):
        open_dataset(dataset.path)


@pytest.mark.parametrize("order", ["F", "C"])
def test_another_array_in_the_place_is_refused(
    dataset: Dataset, images: np.ndarray, order: str
) -> None:
    np.save(dataset.path / "images.npy", np.asarray(images.transpose(0, 2, 1, 3), order=order))
    with pytest.raises(ValueError, match=r"images\.npy.* (is in Fortran order|holds uint8)"):
        open_dataset(dataset.path)


def test_a_missing_array_is_named(dataset: Dataset) -> None:
    (dataset.path / "labels.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"labels\.npy"):
        open_dataset(dataset.path)


def test_a_folder_can_be_moved(tmp_path: Path, dataset: Dataset) -> None:
    shutil.move(dataset.path, tmp_path / "elsewhere")
    verify_dataset(tmp_path / "elsewhere")
    assert open_dataset(tmp_path / "elsewhere").fingerprint == dataset.fingerprint


@pytest.mark.parametrize(
    ("label", "named", "message"),
    [
        (-1, True, r"labels\.npy: label -1 in row 2 is not in 0\.\."),
        (-(2**63), False, "in row 2 is not in"),
        (99, True, "the dataset has 3 classes"),
        (2**62, False, "without class names, labels must be below 1,000,000"),
    ],
)
def test_labels_of_no_class_are_refused_on_opening(
    tmp_path: Path, images: np.ndarray, label: int, named: bool, message: str
) -> None:
    out = tmp_path / "set"
    with writer(out, class_names=CLASS_NAMES if named else None) as dataset:
        dataset.append(images, np.arange(len(images)) % 3)
    open_dataset(out)
    labels = np.arange(len(images)) % 3
    labels[2] = label
    np.save(out / "labels.npy", labels)
    for refuses in (open_dataset, verify_dataset):
        with pytest.raises(ValueError, match=message):
            refuses(out)


def test_a_changed_manifest_is_refused(dataset: Dataset) -> None:
    path = dataset.path / "manifest.json"
    path.write_text(path.read_text().replace('"name": "', '"name": "x'))
    with pytest.raises(ValueError, match=r"manifest\.json has changed since it was written"):
        open_dataset(dataset.path)
