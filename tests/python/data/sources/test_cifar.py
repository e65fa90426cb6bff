from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.data import SOURCES, import_dataset

if TYPE_CHECKING:
    from pathlib import Path

PER_FILE = 30
TRAIN = [f"data_batch_{number}.bin" for number in range(1, 6)]


def content() -> dict[str, bytes]:
    """Six small files of random records; the label is the first byte of each."""
    rng = np.random.default_rng(0)
    files = {}
    for name in (*TRAIN, "test_batch.bin"):
        records = rng.integers(0, 256, (PER_FILE, 3073), dtype=np.uint8)
        records[:, 0] %= 10
        files[name] = records.tobytes()
    return files


def save(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def pixel(data: bytes, record: int, channel: int, row: int, column: int) -> int:
    """Where the published description says a pixel is."""
    return data[3073 * record + 1 + 1024 * channel + 32 * row + column]


@pytest.mark.parametrize("form", ["folder", "nested", "archive", "archive in a folder", "renamed"])
def test_every_form_of_the_binary_version(tmp_path: Path, form: str) -> None:
    files = content()
    source = tmp_path / "in"
    if form == "folder":
        save(source, files)
    elif form == "nested":
        save(source / "cifar-10-batches-bin", files)
    else:
        source.mkdir()
        name = "other.tgz" if form == "renamed" else "cifar-10-binary.tar.gz"
        # The archive's order is not the split's.
        path = archive(source / name, dict(reversed(files.items())))
        source = source if form == "archive in a folder" else path
    datasets = import_dataset(source, tmp_path / "out")

    assert {split: len(d) for split, d in datasets.items()} == {"train": 150, "test": 30}
    assert datasets["train"].class_names[3] == "cat"
    rng = np.random.default_rng(1)
    for index in range(150):
        data, record = files[TRAIN[index // PER_FILE]], index % PER_FILE
        image, label = datasets["train"][index]
        row, column, channel = rng.integers(0, [32, 32, 3])
        assert label == data[3073 * record]
        assert image[row, column, channel] == pixel(data, record, channel, row, column)
    assert datasets["test"].labels.tolist() == list(files["test_batch.bin"][::3073])


@pytest.mark.parametrize("in_archive", [False, True])
@pytest.mark.parametrize(
    ("name", "data", "error", "message"),
    [
        ("data_batch_2.bin", b"", ValueError, "data_batch_2.bin must hold records .* has 0 bytes"),
        ("data_batch_2.bin", b"x" * 3074, ValueError, "must hold records of 3073 bytes"),
        ("test_batch.bin", b"\x0b" * 3073, ValueError, r"must be in 0\.\.9, got 11 in row 0"),
        ("data_batch_4.bin", None, FileNotFoundError, "data_batch_4.bin"),
    ],
)
def test_files_that_do_not_hold_up(
    tmp_path: Path,
    in_archive: bool,
    name: str,
    data: bytes | None,
    error: type[Exception],
    message: str,
) -> None:
    files = content()
    files.pop(name)
    if data is not None:
        files[name] = data
    source = tmp_path / "in.tar.gz" if in_archive else tmp_path / "in"
    (archive if in_archive else save)(source, files)
    with pytest.raises(error, match=message):
        import_dataset(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize("n_bytes", [0, 10, 1000, 200_000, -10])
def test_a_truncated_archive_is_named(tmp_path: Path, n_bytes: int) -> None:
    source = archive(tmp_path / "in.tar.gz", content())
    source.write_bytes(source.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match=r"in\.tar\.gz is damaged or no \.tar\.gz archive"):
        import_dataset(source, tmp_path / "out")


def test_the_pickled_version_is_never_opened(tmp_path: Path) -> None:
    save(tmp_path / "in", {"data_batch_1": b"cos\nsystem\n", "batches.meta": b""})
    assert not SOURCES["cifar10"].recognises(str(tmp_path / "in"))
    for kind in (None, "cifar10"):
        with pytest.raises(ValueError, match=r"Python version of CIFAR-10, which is pickled"):
            import_dataset(tmp_path / "in", tmp_path / "out", kind=kind)


def pickled(name: str) -> dict[str, bytes]:
    if name == "cifar-10":
        return {"data_batch_1": b"cos", "batches.meta": b"", "test_batch": b"cos"}
    return {"train": b"cos", "test": b"cos", "meta": b""}


@pytest.mark.parametrize("name", ["cifar-10", "cifar-100"])
@pytest.mark.parametrize("form", ["folder", "nested", "archive", "renamed", "archive in a folder"])
def test_pickled_versions_are_named(tmp_path: Path, name: str, form: str) -> None:
    folder = "cifar-10-batches-py" if name == "cifar-10" else "cifar-100-python"
    source = tmp_path / "in"
    if form in ("folder", "nested"):
        save(source / folder if form == "nested" else source, pickled(name))
    else:
        source.mkdir()
        file = archive(
            source / (f"{name}.tgz" if form == "renamed" else f"{name}-python.tar.gz"),
            pickled(name),
        )
        source = source if form == "archive in a folder" else file
    message = rf"Python version of {name.upper()}, .*unpickling runs code .* Use the binary version"
    with pytest.raises(ValueError, match=message):
        import_dataset(source, tmp_path / "out")


@pytest.mark.parametrize("form", ["folder", "nested", "archive", "archive in a folder"])
def test_cifar100_has_the_fine_labels(tmp_path: Path, form: str) -> None:
    rng = np.random.default_rng(0)
    records = rng.integers(0, 256, (7, 3074), dtype=np.uint8)
    records[:, :2] %= np.array([20, 100], np.uint8)
    names = "\n".join(f"class {number}" for number in range(100)) + "\n"
    files = {
        "train.bin": records.tobytes(),
        "test.bin": records[:2].tobytes(),
        "fine_label_names.txt": names.encode(),
    }
    source = tmp_path / "in"
    if form in ("folder", "nested"):
        save(source / "cifar-100-binary" if form == "nested" else source, files)
    else:
        source.mkdir()
        file = archive(source / "cifar-100-binary.tar.gz", files)
        source = source if form == "archive in a folder" else file
    datasets = import_dataset(source, tmp_path / "out")
    assert {split: len(d) for split, d in datasets.items()} == {"train": 7, "test": 2}
    assert datasets["train"].labels.tolist() == records[:, 1].tolist()
    assert datasets["train"].class_names[99] == "class 99"
    planes = records[:, 2:].reshape(7, 3, 32, 32)
    np.testing.assert_array_equal(datasets["train"].images, planes.transpose(0, 2, 3, 1))
    assert datasets["train"].name == "cifar100/train"


def test_archives_of_other_datasets_say_what_to_do(tmp_path: Path) -> None:
    source = archive(tmp_path / "flowers.tgz", {"image_00001.jpg": b"", "image_00002.jpg": b""})
    with pytest.raises(
        FileNotFoundError, match=r"has no data_batch_1\.bin, but image_00001.* unpack"
    ):
        import_dataset(source, tmp_path / "out")
    (tmp_path / "photos.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match="is an archive; unpack it and give the folder"):
        import_dataset(tmp_path / "photos.zip", tmp_path / "out")


@pytest.mark.parametrize("name", ["data_batch_1.bin", "data_batch_3.bin", "test_batch.bin"])
def test_names_that_are_no_files_are_refused(tmp_path: Path, name: str, put_no_file) -> None:
    """Also where an archive beside them could be read instead."""
    path = save(tmp_path / "in", content()) / name
    archive(tmp_path / "in" / "cifar-10-binary.tar.gz", content())
    what = put_no_file(path)
    with pytest.raises(ValueError, match=f"{name} is {what}"):
        import_dataset(tmp_path / "in", tmp_path / "out")
