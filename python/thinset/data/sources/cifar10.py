"""CIFAR-10 (Krizhevsky, 2009) in its official binary version.

Each record is a label byte and 3 x 32 x 32 bytes, plane by plane. The Python version of the
archive is pickled and therefore never read.
"""

from __future__ import annotations

import contextlib
import gzip
import tarfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from thinset.data.sources.encoded_image import resized
from thinset.data.sources.image_stream import BATCH_SIZE, ImageStream, require_split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from thinset.data.sources.image_stream import Batch

_FILES = {
    "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test": ("test_batch.bin",),
}
_FOLDER = "cifar-10-batches-bin"
_ARCHIVE = "cifar-10-binary.tar.gz"
_DAMAGE = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error)
_RECORD = 1 + 3 * 32 * 32
_CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


class Cifar10:
    """The folder of the binary version, the archive itself, or a folder that holds either."""

    name = "cifar10"
    summary = "CIFAR-10's official binary version: data_batch_*.bin, or cifar-10-binary.tar.gz"

    def recognises(self, path: str) -> bool:
        """Whether the files or the archive are there under their official names."""
        return _locate(path) is not None

    def splits(self, path: str) -> tuple[str, ...]:  # noqa: ARG002
        """Both splits; a file that is missing is an error when its split is opened."""
        return tuple(_FILES)

    def open(self, path: str, split: str, size: tuple[int, int] | None = None) -> ImageStream:
        """Open one split; errors name the file that is missing, truncated or not a tar archive."""
        require_split(split, self.splits(path), path)
        location = _locate(path)
        if location is None:
            raise FileNotFoundError(f"{path} holds neither {_FILES['train'][0]} nor {_ARCHIVE}")
        with _Files(location) as files:
            n_samples = sum(files.n_records(name) for name in _FILES[split])
        stream = ImageStream(
            name=self.name,
            n_samples=n_samples,
            image_shape=(32, 32, 3),
            batches=lambda: _batches(location, split),
            class_names=_CLASS_NAMES,
            provenance={"kind": self.name, "path": path, "split": split},
        )
        return resized(stream, size)


def _locate(path: str) -> Path | None:
    """The folder with the .bin files, or the archive."""
    root = Path(path)
    if root.is_file() and root.name.endswith((".tar.gz", ".tgz")):
        return root
    for folder in (root, root / _FOLDER):
        if (folder / _FILES["train"][0]).is_file():
            return folder
    return root / _ARCHIVE if (root / _ARCHIVE).is_file() else None


class _Files:
    """The binary files by name, in a folder or in an archive that is read without unpacking."""

    def __init__(self, location: Path) -> None:
        self._location = location
        self._archive: tarfile.TarFile | None = None
        self._members: dict[str, tarfile.TarInfo] = {}
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if self._location.is_file():
            try:
                archive = tarfile.open(self._location, "r:gz")
                self._resources.enter_context(archive)
                self._members = {Path(m.name).name: m for m in archive.getmembers() if m.isfile()}
                _read_to_end(archive)
            except _DAMAGE as error:
                self._resources.close()
                raise self._damaged(error) from error
            self._archive = archive
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._resources.close()
        if isinstance(error, _DAMAGE):
            raise self._damaged(error) from error

    def n_records(self, name: str) -> int:
        """The number of records in a file, from its size."""
        if self._archive is None:
            n_bytes = (self._location / name).stat().st_size
        else:
            n_bytes = self._member(name).size
        n_records, rest = divmod(n_bytes, _RECORD)
        if rest or n_records == 0:
            raise ValueError(
                f"{self._location}: {name} must hold records of {_RECORD} bytes, "
                f"but has {n_bytes} bytes"
            )
        return n_records

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading from its start."""
        if self._archive is None:
            return open(self._location / name, "rb")
        content = self._archive.extractfile(self._member(name))
        assert content is not None  # members are regular files
        return content

    def _member(self, name: str) -> tarfile.TarInfo:
        if name not in self._members:
            raise FileNotFoundError(f"{self._location} has no {name}")
        return self._members[name]

    def _damaged(self, error: BaseException) -> ValueError:
        return ValueError(f"{self._location} is not a whole .tar.gz archive: {error}")


def _read_to_end(archive: tarfile.TarFile) -> None:
    # The gzip checksum stands behind the last byte, where tarfile itself never looks.
    assert archive.fileobj is not None
    while archive.fileobj.read(1 << 20):
        pass


def _batches(location: Path, split: str) -> Iterator[Batch]:
    with _Files(location) as files:
        for name in _FILES[split]:
            with files.open(name) as file:
                while content := file.read(BATCH_SIZE * _RECORD):
                    yield _decode(content, f"{location}: {name}")


def _decode(content: bytes, where: str) -> Batch:
    if len(content) % _RECORD:
        raise ValueError(f"{where} ends within a record of {_RECORD} bytes")
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, 0]
