"""A matrix in a temporary file, for values that are not stored row by row where they come from."""

from __future__ import annotations

import errno
import os
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from typing_extensions import Self


class ScratchMatrix:
    """Rows (N, D) that are appended block by block and then mapped; a context manager.

    The file is in the folder for temporary files (TMPDIR) and has no name: the system frees its
    space with the last map of it, also if the process is killed. Memory holds one block at a time;
    pages of the map can be dropped and read again. Raises OSError, with the number of bytes, if
    the folder does not have the space.
    """

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, int]) -> None:
        self._dtype = dtype
        self._shape = shape
        n_bytes = dtype.itemsize * shape[0] * shape[1]
        self._advice = (
            f"{tempfile.gettempdir()} needs {n_bytes:,} free bytes for the embeddings as a matrix; "
            "free them, or name another folder in the environment variable TMPDIR"
        )
        self._file = tempfile.TemporaryFile(prefix="thinset-", buffering=0)  # noqa: SIM115 - mapped
        try:
            self._reserve(n_bytes)
        except BaseException:
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

    def append(self, rows: NDArray[Any]) -> None:
        """Write the next rows (B, D)."""
        remaining = np.ascontiguousarray(rows, self._dtype).reshape(-1).view(np.uint8).data
        try:
            while remaining:
                remaining = remaining[self._file.write(remaining) :]
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}: {self._advice}") from error

    def matrix(self) -> NDArray[Any]:
        """Map all rows, read-only, after the last `append`; the map outlives this object."""
        if 0 in self._shape:
            return np.empty(self._shape, self._dtype)
        assert self._file.tell() == self._dtype.itemsize * self._shape[0] * self._shape[1]
        return np.memmap(self._file, self._dtype, "r", shape=self._shape)

    def _reserve(self, n_bytes: int) -> None:
        if n_bytes == 0 or not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(self._file.fileno(), 0, n_bytes)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise OSError(error.errno, f"{error.strerror}: {self._advice}") from error
