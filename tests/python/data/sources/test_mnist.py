from __future__ import annotations

import gzip
import hashlib
import os
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.data import import_dataset

if TYPE_CHECKING:
    from pathlib import Path

N = 700
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 5, 4), dtype=np.uint8)
LABELS = (np.arange(N) % 10).astype(np.uint8)


def idx(magic: int, array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    shape = array.shape if shape is None else shape
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + array.tobytes()


def save(folder: Path, split: str = "train", *, compressed: bool = False, **parts: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    contents = {"images": idx(2051, IMAGES), "labels": idx(2049, LABELS)} | parts
    for (part, content), rank in zip(contents.items(), (3, 1), strict=True):
        path = folder / f"{split}-{part}-idx{rank}-ubyte{'.gz' if compressed else ''}"
        path.write_bytes(gzip.compress(content) if compressed else content)
    return folder


@pytest.mark.parametrize("compressed", [False, True])
def test_both_splits(tmp_path: Path, compressed: bool) -> None:
    save(tmp_path / "in", "train", compressed=compressed)
    save(tmp_path / "in", "t10k", compressed=compressed)
    datasets = import_dataset(tmp_path / "in", tmp_path / "out")
    assert list(datasets) == ["train", "test"]
    for dataset in datasets.values():
        np.testing.assert_array_equal(dataset.images[..., 0], IMAGES)
        np.testing.assert_array_equal(dataset.labels, LABELS)
        assert dataset.class_names == tuple("0123456789")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"images": b""}, "images-idx3-ubyte.* is truncated within its header of 16 bytes"),
        ({"images": idx(2049, IMAGES)}, "must start with the IDX magic 2051, got 2049"),
        ({"labels": idx(2051, LABELS)}, "must start with the IDX magic 2049, got 2051"),
        (
            {"images": idx(2051, IMAGES, (2**32 - 1, 5, 4))},
            r"has the shape \(4294967295, 5, 4\) in its header",
        ),
        ({"images": idx(2051, IMAGES, (2**32 - 1,) * 3)}, "but can hold at most"),
        ({"images": idx(2051, IMAGES, (N, 0, 4))}, "each length must be >= 1"),
        (
            {"images": idx(2051, IMAGES)[:-1]},
            "can hold at most|is truncated within the batch .* 512",
        ),
        ({"images": idx(2051, IMAGES) + b"x"}, "has trailing data after 700 rows"),
        ({"labels": idx(2049, LABELS) + b"x"}, "labels-idx1-ubyte.* has trailing data after"),
        ({"labels": idx(2049, LABELS[1:])}, "has 699 labels, but .* has 700 images"),
        ({"labels": idx(2049, LABELS + 1)}, r"labels must be in 0\.\.9, got 10 in row 9"),
    ],
)
def test_files_that_do_not_hold_up(
    tmp_path: Path, compressed: bool, parts: dict[str, bytes], message: str
) -> None:
    save(tmp_path / "in", compressed=compressed, **parts)
    with pytest.raises(ValueError, match=message):
        import_dataset(tmp_path / "in", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("n_bytes", [5, 30, 5000])
def test_a_truncated_gzip_file_is_named(tmp_path: Path, n_bytes: int) -> None:
    source = save(tmp_path / "in", compressed=True)
    path = source / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(
        ValueError, match=r"train-images-idx3-ubyte\.gz (is damaged or no gzip|has the shape)"
    ):
        import_dataset(source, tmp_path / "out")


def test_labels_must_be_there(tmp_path: Path) -> None:
    source = save(tmp_path / "in")
    (source / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="has no train-labels-idx1-ubyte"):
        import_dataset(source, tmp_path / "out")


def put(root: Path, prefix: str = "", form: str = "{}-{}-idx{}-ubyte", **parts: bytes) -> Path:
    """Both splits under names of another publisher."""
    contents = {"images": idx(2051, IMAGES), "labels": idx(2049, LABELS)} | parts
    for split in ("train", "test" if prefix else "t10k"):
        for (part, content), rank in zip(contents.items(), (3, 1), strict=True):
            path = root / form.format(prefix + split, part, rank)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return root


@pytest.mark.parametrize(
    "form",
    [
        "{}-{}.idx{}-ubyte",
        "{}-{}-idx{}-ubyte.gz",
        "raw/{}-{}-idx{}-ubyte",
        "MNIST/raw/{}-{}-idx{}-ubyte.gz",
        "FashionMNIST/raw/{}-{}-idx{}-ubyte",
        "{0}-{1}.idx{2}-ubyte/{0}-{1}.idx{2}-ubyte",
    ],
)
def test_names_and_places_of_other_publishers(tmp_path: Path, form: str) -> None:
    datasets = import_dataset(put(tmp_path / "in", form=form), tmp_path / "out")
    assert list(datasets) == ["train", "test"]
    for dataset in datasets.values():
        np.testing.assert_array_equal(dataset.images[..., 0], IMAGES)
        np.testing.assert_array_equal(dataset.labels, LABELS)


def test_the_same_files_twice_are_one_dataset(tmp_path: Path) -> None:
    """As torchvision leaves them (with and without .gz), and one archive of a public site."""
    put(tmp_path / "in")
    put(tmp_path / "in", form="{}-{}-idx{}-ubyte.gz", images=b"not read")
    put(tmp_path / "in", form="{0}-{1}-idx{2}-ubyte-copy/{0}-{1}-idx{2}-ubyte", images=b"not read")
    np.testing.assert_array_equal(
        import_dataset(tmp_path / "in", tmp_path / "out")["train"].images[..., 0], IMAGES
    )


@pytest.mark.parametrize(
    ("name", "first", "classes"),
    [
        ("letters", 1, tuple("abcdefghijklmnopqrstuvwxyz")),
        ("balanced", 0, tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")),
        ("digits", 0, tuple("0123456789")),
    ],
)
def test_emnist_is_turned_upright(
    tmp_path: Path, name: str, first: int, classes: tuple[str, ...]
) -> None:
    put(tmp_path / "in" / "gzip", f"emnist-{name}-", labels=idx(2049, LABELS + np.uint8(first)))
    notes: list[str] = []
    dataset = import_dataset(tmp_path / "in", tmp_path / "out", note=notes.append)["train"]
    np.testing.assert_array_equal(dataset.images[..., 0], IMAGES.transpose(0, 2, 1))
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.class_names == classes
    assert dataset.name == f"emnist-{name}/train"
    assert any("turned upright" in note for note in notes)


def test_one_of_several_datasets_is_given_by_its_file(tmp_path: Path) -> None:
    root = put(put(tmp_path / "in", "emnist-digits-"), "emnist-mnist-")
    with pytest.raises(ValueError, match=r"2 datasets .*emnist-digits-train-images-idx3-ubyte, "):
        import_dataset(root, tmp_path / "out")
    source = root / "emnist-mnist-train-images-idx3-ubyte"
    dataset = import_dataset(source, tmp_path / "out")["test"]
    assert dataset.name == "emnist-mnist/test"
    for folder in ("MNIST", "KMNIST"):
        put(tmp_path / "torch" / folder / "raw")
    with pytest.raises(ValueError, match=r"give one of them: .*/KMNIST/raw, .*/MNIST/raw"):
        import_dataset(tmp_path / "torch", tmp_path / "out")


def test_extended_labels_are_named(tmp_path: Path) -> None:
    put(tmp_path / "in", "qmnist-")
    for split in ("train", "test"):
        (tmp_path / "in" / f"qmnist-{split}-labels-idx1-ubyte").unlink()
        content = struct.pack(">3I", 3074, N, 8) + bytes(4 * 8 * N)
        (tmp_path / "in" / f"qmnist-{split}-labels-idx2-int").write_bytes(content)
    with pytest.raises(ValueError, match="QMNIST's extended labels of 8 columns"):
        import_dataset(tmp_path / "in", tmp_path / "out")


@pytest.mark.skipif("THINSET_TEST_MNIST" not in os.environ, reason="THINSET_TEST_MNIST unset")
def test_real_mnist(tmp_path: Path) -> None:
    datasets = import_dataset(os.environ["THINSET_TEST_MNIST"], tmp_path / "out")
    pixels = {
        split: hashlib.md5(struct.pack(">4I", 2051, *d.images.shape[:3]) + d.images.tobytes())
        for split, d in datasets.items()
    }
    # The published digests of the decompressed files.
    assert pixels["train"].hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    assert pixels["test"].hexdigest() == "2646ac647ad5339dbf082846283269ea"
    assert np.bincount(datasets["train"].labels)[:2].tolist() == [5923, 6742]


@pytest.mark.parametrize("part", ["train-images-idx3", "t10k-images-idx3", "t10k-labels-idx1"])
def test_names_that_are_no_files_are_refused(tmp_path: Path, part: str, put_no_file) -> None:
    path = put(tmp_path / "in") / f"{part}-ubyte"
    what = put_no_file(path)
    with pytest.raises(ValueError, match=f"{part}-ubyte is {what}"):
        import_dataset(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("part", ["images-idx3", "labels-idx1"])
def test_half_a_test_split_is_refused(tmp_path: Path, part: str) -> None:
    (put(tmp_path / "in") / f"t10k-{part}-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=f"in has no t10k-{part}-ubyte"):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_files_in_folders_beside_the_dataset_are_noted(tmp_path: Path) -> None:
    root = save(tmp_path / "in", "train")
    save(root / "test", "t10k")
    notes: list[str] = []
    datasets = import_dataset(root, tmp_path / "out", note=notes.append)
    assert list(datasets) == ["train"]
    files = [root / "test" / f"t10k-{part}-ubyte" for part in ("images-idx3", "labels-idx1")]
    assert notes == [f"left out 2 other IDX files: {files[0]}, {files[1]}"]
    (root / "validation").symlink_to("gone")
    with pytest.raises(ValueError, match="in/validation is a link to nothing"):
        import_dataset(root, tmp_path / "out", overwrite=True)
