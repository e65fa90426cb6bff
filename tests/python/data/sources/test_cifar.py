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
