"""Single .npy files: strictly opened, written as a stream, digested."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset import _core
from thinset.data.manifest import ArrayEntry
from thinset.files.regular import open_regular, require_regular

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_DIGEST_BLOCK = 1 << 20


def open_npy(path: str | os.PathLike[str]) -> np.memmap[Any, Any]:
    """Map a .npy file read-only. Its header is read by the native core, which trusts nothing in it.

    Raises ValueError naming the file where it is damaged, truncated, longer than its header says,
    no regular file, in Fortran order or holds Python objects; FileNotFoundError if there is
    none.
    """
    path = Path(path)
    require_regular(path)
    array = _core.open_npy(os.fsencode(path))
    # What follows the header is the array and nothing else.
    offset = path.stat().st_size - array.nbytes
    if offset < 0:
        raise ValueError(f"{path} became shorter while it was opened")
    return np.memmap(path, array.dtype, "r", offset, array.shape)


def file_digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_DIGEST_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def describe_npy(path: str | os.PathLike[str]) -> ArrayEntry:
    """The manifest's entry for a .npy file in a dataset folder; reads all of it."""
    array = open_npy(path)
    return ArrayEntry(Path(path).name, array.dtype.name, array.shape, file_digest(path))


class NpyFileWriter:
    """Writes a .npy file of known dtype and shape row by row, and its SHA-256 on the way.

    A context manager. Memory use is that of the rows in hand, so the file may be larger than
    memory. The space is reserved first, so that a full disk is known before the work, and no row is
    written through a map, where a full disk would kill the process. The caller makes the file
    appear atomically (thinset.files.atomic).
    """

    def __init__(
        self, path: str | os.PathLike[str], dtype: str | np.dtype[Any], shape: tuple[int, ...]
    ) -> None:
        self._path = Path(path)
        self._dtype = np.dtype(dtype).newbyteorder("=")
        self._shape = tuple(shape)
        self._digest = hashlib.sha256()
        header = _npy_header(self._dtype, self._shape)
        self._file = open(self._path, "wb")  # noqa: SIM115 - closed by __exit__
        try:
            n_bytes = self._dtype.itemsize * math.prod(self._shape)
            _reserve(self._file.fileno(), len(header) + n_bytes)
            self._write(header)
        except BaseException:
            with contextlib.suppress(OSError):
                self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, rows: np.ndarray[Any, Any]) -> None:
        """Write the next rows (B, ...), of the file's row shape and dtype, in any byte order."""
        if rows.dtype.newbyteorder("=") != self._dtype or rows.shape[1:] != self._shape[1:]:
            raise ValueError(
                f"{self._path.name}: rows must be {self._dtype} of shape {self._shape[1:]}, "
                f"got {rows.dtype} of shape {rows.shape[1:]}"
            )
        self._write(np.ascontiguousarray(rows, self._dtype).reshape(-1).view(np.uint8).data)

    def entry(self) -> ArrayEntry:
        """The manifest's entry for what has been written so far."""
        return ArrayEntry(self._path.name, self._dtype.name, self._shape, self._digest.hexdigest())

    def _write(self, content: bytes | memoryview) -> None:
        self._file.write(content)
        self._digest.update(content)


def write_zeros(
    path: str | os.PathLike[str], dtype: str | np.dtype[Any], shape: tuple[int, ...]
) -> None:
    """Write a .npy file of zeros; its space on the disk is reserved where the file system can."""
    dtype = np.dtype(dtype)
    header = _npy_header(dtype, shape)
    n_bytes = len(header) + dtype.itemsize * math.prod(shape)
    with open(path, "wb") as file:
        _reserve(file.fileno(), n_bytes)
        file.write(header)
        file.truncate(n_bytes)


def _reserve(descriptor: int, n_bytes: int) -> None:
    """Take space on the disk, where the file system can; OSError if there is not enough."""
    if n_bytes > 0 and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, n_bytes)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise


def _npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    description = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(header, description)
    return header.getvalue()
