"""The rows of one worker: shards opened where they are, and checked against what was listed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset import _core
from thinset.distributed.failures import ShardChangedError, ShardError
from thinset.distributed.shards import naming
from thinset.files.regular import open_regular
from thinset.selection.columnar_input import as_columnar
from thinset.selection.matrix_input import HostMatrix
from thinset.selection.parquet_input import ParquetColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from thinset.distributed.messages import Arrays
    from thinset.distributed.shards import Part, Piece

_BYTES_AT_ONCE = 1 << 22
_SECONDS_BETWEEN_CHECKS = 1.0


class HeldRows:
    """The rows of a part, open: .npy files are mapped, parquet is decoded to a temporary file.

    Raises ShardError for a shard that cannot be read, ShardChangedError for one that is not as it
    was listed.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self.require_unchanged()
        arrays = [array for piece in part.pieces for array in _arrays(piece, part)]
        self.matrix = HostMatrix(
            arrays[0] if len(arrays) == 1 else arrays, part.dtype == "bfloat16"
        )
        self._checked_at = time.monotonic()

    def require_unchanged(self) -> None:
        """Raise ShardChangedError if a file has another size or modification time than before."""
        for piece in self.part.pieces:
            shard = piece.shard
            if not shard.is_file:
                continue
            with naming(shard.name):
                status = Path(shard.path).stat()
            if (status.st_size, status.st_mtime_ns) != (shard.size, shard.modified):
                raise ShardChangedError(
                    f"{shard.name} changed during the selection: it had {shard.size:,} bytes, now "
                    f"it has {status.st_size:,}, or it was written again; start a new selection"
                )
        self._checked_at = time.monotonic()

    def check_at_times(self) -> None:
        """`require_unchanged`, at most once a second: file systems of clusters are slow."""
        if time.monotonic() - self._checked_at > _SECONDS_BETWEEN_CHECKS:
            self.require_unchanged()

    @contextlib.contextmanager
    def locating(self) -> Iterator[None]:
        """Let errors about a row of the part name its number in the whole matrix and its shard."""
        try:
            with naming_rows(self.part.rows, [self.part]):
                yield
        except ValueError:
            self.require_unchanged()  # what is wrong may be that it was written to
            raise

    def digests(self) -> Arrays:
        """SHA-256 of each file whose first row this part holds, in their order."""
        starting = [piece.shard for piece in self.part.pieces if piece.begin == 0]
        found = [sha256_of(shard.path) for shard in starting if shard.is_file]
        return (np.array(found, "U64"),)

    def points(self, rows: NDArray[np.int64]) -> Arrays:
        """The rows with these numbers inside the part, in their element type (bfloat16: bits)."""
        arrays = self.matrix.arrays
        found = np.empty((len(rows), self.part.n_columns), arrays[0].dtype)
        starts = np.cumsum([0, *(len(array) for array in arrays)])
        owner = np.searchsorted(starts, rows, side="right") - 1
        for number in np.unique(owner):
            mine = owner == number
            found[mine] = arrays[number][rows[mine] - starts[number]]
        return (found,)


@contextlib.contextmanager
def naming_rows(
    numbers: Sequence[int] | NDArray[np.int64], parts: Sequence[Part]
) -> Iterator[None]:
    """Let errors about a row name its number in the whole matrix and its shard.

    numbers: of the rows, in the whole matrix. parts: the rows are in these.
    """
    try:
        yield
    except ShardError:
        raise
    except ValueError as error:
        message = str(error)
        found = re.search(r"\brow (\d+)\b", message)
        if found is None or int(found[1]) >= len(numbers):
            raise
        row = int(numbers[int(found[1])])
        message = f"{message[: found.start(1)]}{row}{message[found.end(1) :]}"
        raise ShardError(f"{message} ({_place(row, parts)})") from None


def _place(row: int, parts: Sequence[Part]) -> str:
    part = next(part for part in parts if row in part.rows)
    row -= part.first_row
    for piece in part.pieces:
        if row < piece.n_rows:
            return f"row {piece.begin + row} of {piece.shard.name}"
        row -= piece.n_rows
    raise AssertionError


def sha256_of(path: str) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with naming(path), open_regular(path) as file:
        while block := file.read(_BYTES_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def widened(rows: NDArray[Any], dtype: str) -> NDArray[np.float64]:
    """The rows as float64; those of bfloat16 come as their bits."""
    if dtype == "bfloat16":
        return (rows.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return rows.astype(np.float64)


def _arrays(piece: Piece, part: Part) -> list[NDArray[Any]]:
    """The rows of a piece, in one array or several."""
    shard = piece.shard
    if shard.array is not None:
        return [shard.array]
    with naming(shard.name):
        columnar = as_columnar(shard.path, part.column)
        if columnar is None:
            mapped = _core.open_npy(os.fsencode(shard.path))
            _require_as_listed(piece, part, mapped.shape, str(mapped.dtype))
            return [mapped[piece.begin : piece.end]]
        _require_as_listed(piece, part, columnar.shape, columnar.dtype_name)
        if isinstance(columnar, ParquetColumn):
            return [columnar.rows(piece.begin, piece.end)]
        return _cut(columnar.arrays(), piece)


def _require_as_listed(piece: Piece, part: Part, shape: tuple[int, ...], dtype: str) -> None:
    expected = (piece.shard.n_rows, part.n_columns)
    if tuple(shape) != expected or dtype != part.dtype:
        raise ShardError(
            f"{piece.shard.name} has shape {tuple(shape)} of {dtype} for this worker, but "
            f"{expected} of {part.dtype} where the shards were listed; do both see the same files?"
        )


def _cut(arrays: list[NDArray[Any]], piece: Piece) -> list[NDArray[Any]]:
    found, first = [], 0
    for array in arrays:
        begin, end = max(piece.begin - first, 0), min(piece.end - first, len(array))
        if begin < end:
            found.append(array[begin:end])
        first += len(array)
    return found
