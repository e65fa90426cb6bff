from __future__ import annotations

import pickle
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from insects import CLASS_NAMES, N_SAMPLES, names_in, writer
from thinset.data import Dataset, open_dataset, verify_dataset

if TYPE_CHECKING:
    from pathlib import Path


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


def test_without_class_names_the_largest_label_counts(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray
) -> None:
    with writer(tmp_path / "out") as target:
        target.append(images, labels.astype(np.uint8) * 7)
    assert open_dataset(tmp_path / "out").n_classes == 15


def test_the_fingerprint_is_that_of_the_content(
    tmp_path: Path, dataset: Dataset, images: np.ndarray, labels: np.ndarray
) -> None:
    for name, changed in (("same", labels), ("other", labels[::-1])):
        with writer(tmp_path / name, name=name) as target:
            target.append(images, changed)
    assert open_dataset(tmp_path / "same").fingerprint == dataset.fingerprint
    assert open_dataset(tmp_path / "other").fingerprint != dataset.fingerprint


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
