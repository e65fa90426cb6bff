"""Columns of lists in parquet files, decoded block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.files.arrow import open_parquet
from thinset.selection.column_choice import choose
from thinset.selection.list_column import dtype_of, fixed_width, is_list, rows_of
from thinset.selection.scratch import ScratchMatrix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMBERS_AT_ONCE = 1 << 21


class ParquetColumn:
    """The embeddings in one parquet file.

    Parquet stores values encoded and by column, so they are decoded once, into a matrix in a
    temporary file without a name (see ScratchMatrix). Opening reads metadata, and one row if the
    type does not state the length of the lists.
    """

    def __init__(self, path: str, column: object) -> None:
        self._path = path
        with open_parquet(path) as file:
            schema = file.schema_arrow
            fitting = [field.name for field in schema if is_list(field.type)]
            self._column: str = choose(column, fitting, schema.names, repr(path))
            kind = schema.field(self._column).type
            self._where = f"column {self._column!r}"
            self.dtype: np.dtype[Any] = dtype_of(kind, self._where)
            n_rows = int(file.metadata.num_rows)
            width = fixed_width(kind)
            if width is None:
                first = next(self._blocks(file, 1), None)
                width = 0 if first is None else rows_of(first, self._where).shape[1]
            self.shape = (n_rows, width)

    @property
    def dtype_name(self) -> str:
        return self.dtype.name

    def arrays(self) -> list[NDArray[Any]]:
        """Decode the column; ValueError names the row that is not as it must be."""
        return [self.rows(0, self.shape[0])]

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """Decode the rows `begin` to `end`; row groups without any of them are not read."""
        width = self.shape[1]
        numbers = max(1, _NUMBERS_AT_ONCE // max(1, width))
        with ScratchMatrix(self.dtype, (end - begin, width)) as scratch:
            with open_parquet(self._path) as file:
                groups, row, n_expected = _row_groups(file, begin, end)
                for lists in self._blocks(file, numbers, groups):
                    values = rows_of(lists, self._where, first_row=row, width=width)
                    scratch.append(values[max(begin - row, 0) : max(end - row, 0)])
                    row += len(lists)
            if row != n_expected:
                raise ValueError(f"its metadata states {n_expected:,} rows, but it holds {row:,}")
            return scratch.matrix()

    def rows_decoded(self, begin: int, end: int) -> int:
        """How many rows the row groups hold that `rows` decodes."""
        with open_parquet(self._path) as file:
            _, first, last = _row_groups(file, begin, end)
        return last - first

    def _blocks(self, file: Any, n_rows: int, groups: list[int] | None = None) -> Any:
        for batch in file.iter_batches(
            batch_size=n_rows, row_groups=groups, columns=[self._column], use_threads=False
        ):
            if batch.num_rows:
                yield batch.column(0)


def _row_groups(file: Any, begin: int, end: int) -> tuple[list[int], int, int]:
    """The row groups that hold rows `begin` to `end`, their first row and the row after their last.

    Raises ValueError if the row groups are not as long as the file.
    """
    metadata = file.metadata
    sizes = [int(metadata.row_group(i).num_rows) for i in range(metadata.num_row_groups)]
    if sum(sizes) != metadata.num_rows:
        raise ValueError(
            f"its metadata states {metadata.num_rows:,} rows, but it holds {sum(sizes):,}"
        )
    groups: list[int] = []
    row, first, last = 0, begin, begin
    for number, size in enumerate(sizes):
        if size and row < end and row + size > begin:
            first = first if groups else row
            last = row + size
            groups.append(number)
        row += size
    return groups, first, last
