"""Single .npy files: strictly opened, written as a stream, digested."""

from __future__ import annotations

import hashlib
import io
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.manifest import ArrayEntry

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from typing_extensions import Self

_DIGEST_BLOCK = 1 << 20


def open_npy(path: str | os.PathLike[str]) -> np.memmap[Any, Any]:
    """Map a .npy file read-only; pickled objects, Fortran order and short files are refused.

    Raises ValueError naming the file and FileNotFoundError where there is none.
    """
    path = Path(path)
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, TypeError, OverflowError, SyntaxError, tokenize.TokenError) as error:
        raise ValueError(f"{path} is not a whole .npy file: {error}") from error
    if not array.flags.c_contiguous:
        raise ValueError(f"{path} is in Fortran order; arrays are stored in C order")
    return array


def file_digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_DIGEST_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def describe_npy(path: str | os.PathLike[str]) -> ArrayEntry:
    """The manifest's entry for a .npy file that lies in a dataset folder; reads all of it."""
    array = open_npy(path)
    return ArrayEntry(Path(path).name, array.dtype.name, array.shape, file_digest(path))


class NpyFileWriter:
    """Writes a .npy file of known dtype and shape row by row, and its SHA-256 on the way.

    A context manager. Memory use is that of the rows in hand, so the file may be larger than
    memory. The caller sees to it that the file appears atomically (thinset.atomic_files).
    """

    def __init__(
        self, path: str | os.PathLike[str], dtype: str | np.dtype[Any], shape: tuple[int, ...]
    ) -> None:
        self._path = Path(path)
        self._dtype = np.dtype(dtype)
        self._shape = tuple(shape)
        self._digest = hashlib.sha256()
        self._file = open(self._path, "xb")  # noqa: SIM115 - closed by __exit__
        self._write(_npy_header(self._dtype, self._shape))

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
        """Write the next rows (B, ...), of exactly the file's dtype and row shape."""
        if rows.dtype != self._dtype or rows.shape[1:] != self._shape[1:]:
            raise ValueError(
                f"{self._path.name}: rows must be {self._dtype} of shape {self._shape[1:]}, "
                f"got {rows.dtype} of shape {rows.shape[1:]}"
            )
        self._write(np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data)

    def entry(self) -> ArrayEntry:
        """The manifest's entry for what has been written so far."""
        return ArrayEntry(self._path.name, self._dtype.name, self._shape, self._digest.hexdigest())

    def _write(self, content: bytes | memoryview) -> None:
        self._file.write(content)
        self._digest.update(content)


def _npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    description = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(header, description)
    return header.getvalue()
