"""The shards of a matrix: which there are, how large they are, and who holds which rows.

Rows are numbered through all shards in their order. Listing shards reads their headers alone.
"""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.distributed.failures import ShardError
from thinset.files.uris import local_path
from thinset.selection.columnar_input import as_columnar
from thinset.selection.matrix_input import as_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_ADVICE = (
    "mount the bucket as a folder that all machines see at the same path, copy the files, or pass "
    "a Ray Data dataset, such as ray.data.read_parquet(...), whose rows fit in memory"
)


@dataclass(frozen=True)
class Shard:
    """One file, or one array, of the matrix.

    name: the path, or "shard 3". array: the values of a shard that is not a file; of bfloat16, its
    bits. size, modified: bytes and modification time (ns) of the file when it was listed. path:
    absolute, because a worker need not run in the folder of the driver.
    """

    name: str
    n_rows: int
    array: NDArray[Any] | None = None
    size: int = 0
    modified: int = 0
    path: str = ""

    @property
    def is_file(self) -> bool:
        return self.array is None


@dataclass(frozen=True)
class Piece:
    """Rows `begin` to `end` of a shard; `shard.array` holds these rows alone."""

    shard: Shard
    begin: int
    end: int

    @property
    def n_rows(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True)
class Part:
    """The rows that one worker holds: pieces of shards, in the order of the whole matrix.

    first_row: the number of its first row in the whole matrix. column: the column of files that
    have columns.
    """

    number: int
    first_row: int
    pieces: tuple[Piece, ...]
    dtype: str
    n_columns: int
    column: str | None = None

    @property
    def n_rows(self) -> int:
        return sum(piece.n_rows for piece in self.pieces)

    @property
    def rows(self) -> range:
        """Their numbers in the whole matrix."""
        return range(self.first_row, self.first_row + self.n_rows)


@dataclass(frozen=True)
class ShardList:
    """All shards of a matrix, in order."""

    shards: tuple[Shard, ...]
    dtype: str
    n_columns: int
    column: str | None = None
    inputs: tuple[object, ...] = field(default=(), compare=False)

    @property
    def shape(self) -> tuple[int, int]:
        return sum(shard.n_rows for shard in self.shards), self.n_columns

    def fingerprint(self) -> str:
        """Text that differs where another machine sees other shards."""
        listed = [(shard.name, shard.n_rows, shard.size, shard.modified) for shard in self.shards]
        return repr((self.dtype, self.n_columns, self.column, listed))

    def parts(self, n_parts: int) -> list[Part]:
        """Cut the rows into `n_parts` runs of equal length, give or take one row.

        There are fewer parts if there are fewer rows.
        """
        n_rows = self.shape[0]
        n_parts = max(1, min(n_parts, n_rows))
        bounds = [n_rows * number // n_parts for number in range(n_parts + 1)]
        return [
            Part(number, begin, self._pieces(begin, end), self.dtype, self.n_columns, self.column)
            for number, (begin, end) in enumerate(itertools.pairwise(bounds))
        ]

    def _pieces(self, begin: int, end: int) -> tuple[Piece, ...]:
        pieces = []
        first = 0
        for shard in self.shards:
            inside = range(max(begin, first), min(end, first + shard.n_rows))
            if inside:
                start, stop = inside.start - first, inside.stop - first
                values = None if shard.array is None else shard.array[start:stop]
                # Of an array, its rows alone: parts travel to their workers.
                pieces.append(Piece(replace(shard, array=values), start, stop))
            first += shard.n_rows
        return tuple(pieces)


def list_shards(shards: object, column: str | None = None) -> ShardList:
    """Find the shards and read their headers.

    shards: a path, a file:// URI or a pattern (`*`, `?`, `[...]`, `**`), an array, or a list of
    these. The files of a pattern are sorted by name. Shards without rows are allowed.

    Raises ShardError, naming the shard, for a damaged one and for one whose columns or element type
    differ; FileNotFoundError for a path that is not there and for a pattern that matches nothing;
    ValueError for no rows at all, and for URIs of object stores.
    """
    sources = list(_expanded(shards))
    if not sources:
        raise ValueError("shards must name at least one file or array, got an empty list")
    found = [
        piece
        for number, source in enumerate(sources)
        for piece in _described(number, source, column)
    ]
    filled = [(shard, dtype, width) for shard, dtype, width in found if shard.n_rows]
    if not filled:
        raise ValueError(f"shards must have at least one row; all {len(found)} are empty")
    first, dtype, n_columns = filled[0]
    if n_columns == 0:
        raise ShardError(f"{first.name} must have at least one column, got {first.n_rows:,} by 0")
    for shard, other, width in filled:
        if (other, width) != (dtype, n_columns):
            raise ShardError(
                f"shards must have one element type and one number of columns: {shard.name} has "
                f"{width} of {other}, {first.name} has {n_columns} of {dtype}"
            )
    return ShardList(
        tuple(shard for shard, _, _ in found), dtype, n_columns, column, tuple(sources)
    )


def files_of(shards: object) -> list[str]:
    """The files of paths and patterns, as `list_shards` finds them."""
    return [str(shard) for shard in _expanded(shards)]


def _expanded(shards: object) -> Iterator[object]:
    if isinstance(shards, (list, tuple)):
        for shard in shards:
            yield from _expanded(shard)
        return
    if hasattr(shards, "to_arrow_refs"):  # a Ray Data dataset, whose blocks are Arrow tables
        yield from _import_ray().get(shards.to_arrow_refs())
        return
    if not isinstance(shards, (str, os.PathLike)):
        yield shards
        return
    text = local_path(shards, _ADVICE)
    if Path(text).exists() or not glob.has_magic(text):
        yield text
        return
    names = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - patterns may be absolute
    if not names:
        raise FileNotFoundError(f"no file matches the pattern {text!r}")
    yield from names


def _described(number: int, source: object, column: str | None) -> list[tuple[Shard, str, int]]:
    """The shard, its element type and its number of columns; an array may have several pieces."""
    if not isinstance(source, str):
        with naming(f"shard {number}"):
            matrix = as_matrix(source, column)
        return [
            (Shard(f"shard {number}", len(values), values), matrix.dtype_name, values.shape[1])
            for values in matrix.arrays
        ]
    with naming(source):
        status = Path(source).stat()
        columnar = as_columnar(source, column)
        header = as_matrix(source) if columnar is None else columnar
        shape, dtype = header.shape, header.dtype_name
    place = os.path.abspath(source)  # noqa: PTH100 - no link is followed, and ".." is removed
    shard = Shard(source, shape[0], None, status.st_size, status.st_mtime_ns, place)
    return [(shard, dtype, shape[1])]


@contextlib.contextmanager
def naming(name: str) -> Iterator[None]:
    """Turn what is wrong with the content of a shard into a ShardError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, "shard not found", name) from None
    except IsADirectoryError as error:
        raise IsADirectoryError(
            error.errno, "a shard must be a file; name those of the folder, such as *.npy", name
        ) from None
    except ShardError:
        raise
    except ValueError as error:
        text = str(error)
        raise ShardError(text if name in text else f"{name}: {text}") from None


def _import_ray() -> Any:
    import ray

    return ray
