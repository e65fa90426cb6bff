"""Chosen rows of parquet files, as parquet with all columns; row group by row group."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.export.chosen import Wanted, as_id
from thinset.data.export.outputs import named, targets_of
from thinset.data.export.spool import Spool
from thinset.files.arrow import open_parquet, pyarrow
from thinset.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from thinset.data.export.chosen import By, Chosen, Rows
    from thinset.data.export.origin import Imported

SUFFIXES = (".parquet", ".pq")
_BYTES_AT_ONCE = 1 << 23
_BYTES_OF_PAGE = 1 << 20
_BYTES_OF_GROUP = 1 << 26
_LARGEST_BATCH = 1 << 16
_WRITABLE = {
    "UNCOMPRESSED": "none",
    **{name: name.lower() for name in ("SNAPPY", "GZIP", "BROTLI", "LZ4", "ZSTD")},
}


def write_parquet(
    files: Sequence[Path],
    out: Path,
    chosen: Chosen,
    by: By,
    *,
    id_column: str | None,
    in_selection_order: bool,
    overwrite: bool,
    show_progress: bool,
    imported: Imported | None = None,
) -> None:
    """Write the chosen rows of `files`, whose rows are numbered through in the given order.

    Columns, schema, metadata and compression stay. Memory holds one batch of a row group, and one
    row group of the output. imported: the dataset of these files that the row numbers are of.

    Raises ValueError, naming the file, if it is damaged, if the files do not have the chosen rows
    or ids, and if files of different schemas were to become one.
    """
    counts = []
    for file in files:
        with open_parquet(file) as opened:
            counts.append(int(opened.metadata.num_rows))
    starts = np.concatenate([[0], np.cumsum(counts)])
    order = (
        _rows_by_id(files, chosen, id_column)
        if by == "ids"
        else _rows(chosen, int(starts[-1]), imported, files)
    )
    with (
        targets_of(
            files,
            out,
            suffixes=SUFFIXES,
            overwrite=overwrite,
            form="parquet",
            chosen=chosen,
            one_file=in_selection_order,
        ) as targets,
        ProgressBar("rows", len(order), unit="rows", enabled=show_progress) as bar,
    ):
        is_one_file = len(set(targets)) == 1
        rows = np.sort(order)
        with contextlib.ExitStack() as stack:
            writer: _Writer | None = None
            spool: Spool | None = None
            for number, file in enumerate(files):
                of_file = rows[(rows >= starts[number]) & (rows < starts[number + 1])]
                with open_parquet(file) as opened:
                    if writer is None or not is_one_file:
                        stack.close()
                        writer = stack.enter_context(_Writer(targets[number], opened))
                        if in_selection_order:
                            spool = stack.enter_context(Spool(opened.schema_arrow))
                    writer.require_schema(opened.schema_arrow, file)
                    for batch in _batches(opened, of_file - starts[number]):
                        (writer if spool is None else spool).write(batch)
                        bar.update(batch.num_rows)
            if spool is not None and writer is not None:
                for table in spool.in_order(np.searchsorted(rows, order)):
                    for batch in table.to_batches():
                        writer.write(batch)


def _rows(chosen: Chosen, n_rows: int, imported: Imported | None, files: Sequence[Path]) -> Rows:
    if imported is not None:
        kept = imported.kept(n_rows)
        rows: Rows = kept[chosen.rows_of(len(kept), str(imported.path))]
        return rows
    return chosen.rows_of(n_rows, named(files))


def _rows_by_id(files: Sequence[Path], chosen: Chosen, id_column: str | None) -> Rows:
    if id_column is None:
        raise ValueError(
            "rows of parquet files are found by ids in a column; name it with id_column= (on the "
            "command line --id-column NAME), or select by row numbers"
        )
    wanted = Wanted(chosen, "ids", named(files))
    order = np.full(len(chosen), -1, np.int64)
    row = 0
    for file in files:
        with open_parquet(file) as opened:
            names = opened.schema_arrow.names
            if id_column not in names:
                raise ValueError(f"{file} has no column {id_column!r}; it has {', '.join(names)}")
            local = 0
            for batch in opened.iter_batches(columns=[id_column], use_threads=False):
                for value in batch.column(0).to_pylist():
                    place = f"{file}, row {local}"
                    key = None if value is None else as_id(value, place)
                    position = wanted.position(row, key, place)
                    if position is not None:
                        order[position] = row
                    row, local = row + 1, local + 1
    wanted.require_complete(row)
    return order


def _batches(file: Any, rows: Rows) -> Iterator[Any]:
    """The rows of one file, ascending, as record batches of bounded size."""
    start = 0
    for group in range(file.metadata.num_row_groups):
        n_rows = file.metadata.row_group(group).num_rows
        first, last = np.searchsorted(rows, [start, start + n_rows])
        in_group = rows[first:last] - start
        start += n_rows
        if not len(in_group):
            continue
        size = _batch_size(file.metadata.row_group(group))
        done = 0
        for batch in file.iter_batches(batch_size=size, row_groups=[group], use_threads=False):
            low, high = np.searchsorted(in_group, [done, done + batch.num_rows])
            if high > low:
                yield _take(batch, in_group[low:high] - done)
            done += batch.num_rows
            if high == len(in_group):
                break


def _take(batch: Any, rows: Rows) -> Any:
    return batch if len(rows) == batch.num_rows else batch.take(pyarrow().array(rows))


def _batch_size(group: Any) -> int:
    return min(_LARGEST_BATCH, max(1, _BYTES_AT_ONCE // _bytes_per_row(group)))


def _bytes_per_row(group: Any) -> int:
    return max(1, int(group.total_byte_size) // max(1, int(group.num_rows)))


class _Writer:
    """Writes batches as row groups of about the size that those of the source have."""

    def __init__(self, path: Path, source: Any) -> None:
        metadata = source.metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        self._schema = source.schema_arrow
        self._group_rows = max([1, *(group.num_rows for group in groups)])
        self._batches: list[Any] = []
        self._n_rows = self._n_bytes = 0
        bytes_per_row = max([1, *map(_bytes_per_row, groups)])
        self._writer = pyarrow().parquet.ParquetWriter(
            path,
            self._schema,
            compression=_compression(metadata),
            # The size of a page is only looked at after so many values.
            write_batch_size=max(1, min(1024, _BYTES_OF_PAGE // bytes_per_row)),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write the last row group and the footer; after an error the file is given up."""
        if kind is None:
            self._flush()
            self._writer.close()
        else:
            with contextlib.suppress(Exception):
                self._writer.close()

    def require_schema(self, schema: Any, file: Path) -> None:
        """Raise ValueError if the rows of a file do not have the columns of this one."""
        if not schema.equals(self._schema):
            differing = next(
                (field.name for field in schema if field not in list(self._schema)),
                "the number of columns",
            )
            raise ValueError(
                f"{file} has other columns than the first file (see {differing!r}), so that they "
                "cannot become one file; give a folder as output"
            )

    def write(self, batch: Any) -> None:
        """Keep a batch until there is a row group of them."""
        self._batches.append(batch)
        self._n_rows += batch.num_rows
        self._n_bytes += batch.get_total_buffer_size()
        if self._n_rows >= self._group_rows or self._n_bytes >= _BYTES_OF_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._batches:
            return
        table = pyarrow().Table.from_batches(self._batches, self._schema)
        self._batches, self._n_rows, self._n_bytes = [], 0, 0
        self._writer.write_table(table, row_group_size=self._group_rows)


def _compression(metadata: Any) -> Any:
    """The compression of each column of the source, by its path."""
    if not metadata.num_row_groups:
        return "snappy"
    group = metadata.row_group(0)
    columns = (group.column(number) for number in range(group.num_columns))
    return {
        column.path_in_schema: _WRITABLE.get(column.compression, "snappy") for column in columns
    } or "snappy"
