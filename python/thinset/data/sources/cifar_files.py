"""The binary files of CIFAR-10 and CIFAR-100, in a folder or in their archive."""

from __future__ import annotations

import contextlib
import gzip
import tarfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from thinset.data.sources.input_files import is_there, require_input_file

if TYPE_CHECKING:
    from typing_extensions import Self

_DAMAGE = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error)

# Of the pickled versions: their files, folders and archives.
_PICKLED = {
    "cifar-10": ({"data_batch_1"}, "cifar-10-batches-py", "cifar-10-python.tar.gz"),
    "cifar-100": ({"train", "test", "meta"}, "cifar-100-python", "cifar-100-python.tar.gz"),
}


def require_unpickled(path: str) -> None:
    """Raise ValueError if `path` is, or holds, a Python version of the datasets.

    A binary version beside it can be read instead.
    """
    root = Path(path)
    for name, (files, folder, archive) in _PICKLED.items():
        if root.is_file():
            is_pickled = root.name == archive
        else:
            is_pickled = (root / archive).is_file() or any(
                all((parent / file).is_file() for file in files) for parent in (root, root / folder)
            )
        if is_pickled and not any(root.glob("*.bin")) and not any(root.glob("cifar-*bin*")):
            raise ValueError(_refusal(path, name))


def _refusal(path: str, name: str) -> str:
    how = (
        "`thinset data download cifar10` fetches it"
        if name == "cifar-10"
        else f"{name}-binary.tar.gz from the same page has it"
    )
    return (
        f"{path} is the Python version of {name.upper()}, which is pickled: unpickling runs code "
        f"from the file, so it is never read. Use the binary version; {how}"
    )


class CifarFiles:
    """The files by name, in a folder or in an archive that is read without unpacking."""

    def __init__(self, location: Path, record: int) -> None:
        self._location = location
        self._record = record
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
            for name, (files, *_) in _PICKLED.items():
                if files <= self._members.keys():
                    self._resources.close()
                    raise ValueError(_refusal(str(self._location), name))
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._resources.close()
        if isinstance(error, _DAMAGE):
            raise self._damaged(error) from error

    def n_records(self, name: str) -> int:
        """The number of records in a file, from its size."""
        if self._archive is None:
            require_input_file(self._location / name)
            n_bytes = (self._location / name).stat().st_size
        else:
            n_bytes = self._member(name).size
        n_records, rest = divmod(n_bytes, self._record)
        if rest or n_records == 0:
            raise ValueError(
                f"{self._location}: {name} must hold records of {self._record} bytes, "
                f"but has {n_bytes} bytes"
            )
        return n_records

    def lines(self, name: str) -> tuple[str, ...] | None:
        """The lines of a text file, without empty ones; None where the file is missing."""
        if name not in self._members and not is_there(self._location / name):
            return None
        with self.open(name) as file:
            text = file.read(1 << 16).decode("utf-8", "replace")
        return tuple(line.strip() for line in text.splitlines() if line.strip())

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading from its start."""
        if self._archive is None:
            require_input_file(self._location / name)
            return open(self._location / name, "rb")
        content = self._archive.extractfile(self._member(name))
        assert content is not None  # members are regular files
        return content

    def _member(self, name: str) -> tarfile.TarInfo:
        if name not in self._members:
            found = ", ".join(sorted(self._members)[:5]) or "no files"
            raise FileNotFoundError(
                f"{self._location} has no {name}, but {found}; unpack archives of other datasets "
                "and give the folder"
            )
        return self._members[name]

    def _damaged(self, error: BaseException) -> ValueError:
        return ValueError(f"{self._location} is damaged or no .tar.gz archive: {error}")


def _read_to_end(archive: tarfile.TarFile) -> None:
    # The gzip checksum follows the last byte, beyond what tarfile itself reads.
    assert archive.fileobj is not None
    while archive.fileobj.read(1 << 20):
        pass
