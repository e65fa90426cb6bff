"""Record batches in a temporary file, read back in any order of their rows."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.files.arrow import pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

_MOST_ROWS = 1024
_BYTES_AT_ONCE = 1 << 25


@contextlib.contextmanager
def naming_temporary_folder() -> Iterator[None]:
    """Let errors of the system, such as a full disk, name the folder for temporary files."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(
            error.errno,
            f"{os.strerror(error.errno)}: {tempfile.gettempdir()} holds the chosen rows until they "
            "are in order; name another folder in the environment variable TMPDIR",
        ) from error


class Spool:
    """Batches that are written once and then read in another order; a context manager.

    The file has no name and is in the folder for temporary files (TMPDIR). Each batch is a stream
    of its own: its dictionaries may differ from those of the others.
    """

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._file = tempfile.TemporaryFile(prefix="thinset-")  # noqa: SIM115 - closed by __exit__
        self._n_rows: list[int] = []
        self._places: list[int] = [0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, batch: Any) -> None:
        """Append a batch."""
        with naming_temporary_folder():
            with pyarrow().ipc.new_stream(self._file, self._schema) as writer:
                writer.write_batch(batch)
            self._file.flush()
        self._n_rows.append(batch.num_rows)
        self._places.append(self._file.tell())

    def in_order(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Iterator[Any]:
        """The rows of everything written, in this order, as tables of bounded size."""
        if not len(rows):
            return
        # Closed with the last batch that views it.
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        content = pyarrow().py_buffer(mapped)
        starts = np.concatenate([[0], np.cumsum(self._n_rows)])
        bytes_per_row = max(1, self._places[-1] // int(starts[-1]))
        step = max(1, min(_MOST_ROWS, _BYTES_AT_ONCE // bytes_per_row))
        for first in range(0, len(rows), step):
            yield self._gathered(content, starts, rows[first : first + step])

    def _gathered(self, content: Any, starts: Any, rows: Any) -> Any:
        pa = pyarrow()
        order = np.argsort(rows)
        ascending = rows[order]
        numbers = np.searchsorted(starts, ascending, side="right") - 1
        pieces = []
        for number in np.unique(numbers).tolist():
            first, last = self._places[number], self._places[number + 1]
            reader = pa.ipc.open_stream(pa.BufferReader(content.slice(first, last - first)))
            wanted = ascending[numbers == number] - starts[number]
            pieces.append(reader.read_next_batch().take(pa.array(wanted)))
        table = pa.Table.from_batches(pieces).unify_dictionaries().combine_chunks()
        back = np.empty(len(rows), np.int64)
        back[order] = np.arange(len(rows))
        return table.take(pa.array(back))
