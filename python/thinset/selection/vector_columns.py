"""Columns of tables and frames whose values are whole rows: a list of numbers each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from thinset.files.arrow import pyarrow
from thinset.selection.column_choice import choose
from thinset.selection.list_column import different_width, dtype_of, fixed_width, is_list, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Columnar(Protocol):
    """Embeddings that know their shape before their values are read."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""

    @property
    def dtype_name(self) -> str:
        """float16, bfloat16, float32 or float64."""

    def arrays(self) -> list[NDArray[Any]]:
        """The rows, in one piece or several; views where the values are stored row by row."""


def as_vector_column(source: Any, column: object) -> Columnar | None:
    """The column of lists of a table, frame, series or Arrow array; None for anything else.

    column: its name; None for the only column of lists. A frame without such a column gives None
    if no name is given: all of its columns may be the columns of a matrix.
    """
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if _is(source, pandas, "Series") and _pandas_is_list(source):
        return _of_pandas(source, "the series")
    if _is(source, pandas, "DataFrame"):
        return _of_pandas_frame(source, column)
    if _is(source, polars, "Series") and _polars_is_list(source.dtype):
        return PolarsColumn(source, "the series")
    if _is(source, polars, "DataFrame"):
        return _of_polars_frame(source, column)
    if _is(source, sys.modules.get("datasets"), "Dataset"):
        return _of_hugging_face(source, column)
    return _of_arrow(source, column)


def _is(source: Any, module: Any, *names: str) -> bool:
    # An object can only come from a library that is loaded.
    kinds = tuple(kind for name in names if (kind := getattr(module, name, None)) is not None)
    return isinstance(source, kinds)


class ArrowColumn:
    """Arrow lists: every chunk is viewed in place."""

    def __init__(self, chunked: Any, where: str) -> None:
        self._where = where
        self._chunks = [chunk for chunk in chunked.chunks if len(chunk)]
        self.dtype_name = dtype_of(chunked.type, where).name
        width = fixed_width(chunked.type)
        if width is None:
            width = rows_of(self._chunks[0][:1], where).shape[1] if self._chunks else 0
        self.shape = (sum(map(len, self._chunks)), width)

    def arrays(self) -> list[NDArray[Any]]:
        """One array for each chunk."""
        pieces, row = [], 0
        for chunk in self._chunks:
            piece = rows_of(chunk, self._where, first_row=row, width=self.shape[1])
            pieces.append(piece)
            row += len(piece)
        return pieces or [np.empty(self.shape, self.dtype_name)]


class PolarsColumn:
    """A polars series of lists or arrays: every chunk is viewed in place where polars can."""

    def __init__(self, series: Any, where: str) -> None:
        self._where = where
        self._chunks = [chunk for chunk in series.get_chunks() if len(chunk)]
        self.dtype_name = _polars_type(series.dtype, where)
        width = getattr(series.dtype, "size", None)
        if width is None:
            width = self._rows(self._chunks[0].head(1), 0, None).shape[1] if self._chunks else 0
        self.shape = (len(series), int(width))

    def arrays(self) -> list[NDArray[Any]]:
        """One array for each chunk."""
        pieces, row = [], 0
        for chunk in self._chunks:
            pieces.append(self._rows(chunk, row, self.shape[1]))
            row += len(chunk)
        return pieces or [np.empty(self.shape, self.dtype_name)]

    def _rows(self, chunk: Any, first_row: int, width: int | None) -> NDArray[Any]:
        if chunk.null_count():
            row = first_row + int(np.argmax(chunk.is_null().to_numpy()))
            raise ValueError(f"{self._where} has no list in row {row}; remove the row")
        lengths = chunk.list.len() if _name(chunk.dtype) == "List" else chunk.arr.len()
        widths = lengths.to_numpy()
        expected = int(widths[0]) if width is None else width
        others = widths != expected
        if others.any():
            place = int(np.argmax(others))
            row, found = first_row + place, int(widths[place])
            raise ValueError(different_width(self._where, row, found, expected))
        if expected == 0:
            return np.empty((len(chunk), 0), self.dtype_name)
        values = chunk.explode()
        if values.null_count():
            row, column = divmod(int(np.argmax(values.is_null().to_numpy())), expected)
            raise ValueError(
                f"{self._where} has a missing number in row {first_row + row}, column {column}; "
                "remove the row, or fill in a number"
            )
        array: NDArray[Any] = values.to_numpy()
        return array.reshape(len(chunk), expected)


class ObjectColumn:
    """A pandas series of arrays or lists, copied: each row is an object of its own."""

    def __init__(self, series: Any, where: str) -> None:
        self._where = where
        self._values = series.to_numpy()
        first = self._row(0)
        types = {self._row(row).dtype for row in range(len(self._values))}
        self._dtype = np.result_type(*types)
        self.dtype_name = self._dtype.name
        self.shape = (len(self._values), len(first))

    def arrays(self) -> list[NDArray[Any]]:
        """Copy the rows into one matrix."""
        matrix = np.empty(self.shape, self._dtype)
        for row in range(len(matrix)):
            values = self._row(row)
            if len(values) != self.shape[1]:
                raise ValueError(different_width(self._where, row, len(values), self.shape[1]))
            matrix[row] = values
        return [matrix]

    def _row(self, row: int) -> NDArray[Any]:
        value = self._values[row]
        if not isinstance(value, (list, tuple, np.ndarray)):
            raise ValueError(
                f"{self._where} must hold an array or a list in every row: row {row} holds "
                f"{value if value is None else type(value).__name__}; remove the row"
            )
        try:
            values = np.asarray(value)
        except ValueError:
            values = np.empty((0, 0))
        if isinstance(value, (list, tuple)) and values.dtype.kind in "iu":
            values = values.astype(np.float64)
        if values.ndim != 1 or values.dtype.kind != "f" or values.dtype.itemsize > 8:
            raise ValueError(
                f"{self._where} must hold arrays of shape (D,) of float16, float32 or float64: row "
                f"{row} holds {values.dtype} of shape {values.shape}"
            )
        return values


def _pandas_is_list(series: Any) -> bool:
    arrow_type = getattr(series.dtype, "pyarrow_dtype", None)
    if arrow_type is not None:
        return is_list(arrow_type)
    if series.dtype != object or len(series) == 0:
        return False
    values = series.to_numpy()
    first = next((value for value in values if value is not None), None)
    return isinstance(first, (list, tuple, np.ndarray))


def _of_pandas(series: Any, where: str) -> Columnar:
    if getattr(series.dtype, "pyarrow_dtype", None) is None:
        return ObjectColumn(series, where)
    pa = pyarrow("a pandas column of Arrow lists")
    values = pa.array(series.array)
    return ArrowColumn(
        values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values]), where
    )


def _of_pandas_frame(frame: Any, column: object) -> Columnar | None:
    names = list(frame.columns)
    fitting = [name for place, name in enumerate(names) if _pandas_is_list(frame.iloc[:, place])]
    if column is None and not fitting:
        return None
    name = choose(column, fitting, names, "the frame")
    series = frame.iloc[:, names.index(name)]
    where = f"column {name!r}"
    if not _pandas_is_list(series):
        raise ValueError(_no_lists(where, series.dtype, fitting))
    return _of_pandas(series, where)


def _polars_is_list(dtype: Any) -> bool:
    inner = getattr(dtype, "inner", None)
    return (
        _name(dtype) in ("List", "Array")
        and inner is not None
        and _name(inner).startswith(("Float", "Int", "UInt"))
    )


def _polars_type(dtype: Any, where: str) -> str:
    name = _name(dtype.inner).lower()
    if name not in ("float16", "float32", "float64"):
        raise ValueError(
            f"{where} holds lists of {dtype.inner}; convert them with "
            "column.cast(polars.List(polars.Float32))"
        )
    return name


def _name(dtype: Any) -> str:
    return str(dtype).partition("(")[0]


def _of_polars_frame(frame: Any, column: object) -> Columnar | None:
    fitting = [
        name
        for name, dtype in zip(frame.columns, frame.dtypes, strict=True)
        if _polars_is_list(dtype)
    ]
    if column is None and not fitting:
        return None
    name = choose(column, fitting, frame.columns, "the frame")
    series, where = frame.get_column(name), f"column {name!r}"
    if name not in fitting:
        raise ValueError(_no_lists(where, series.dtype, fitting))
    return PolarsColumn(series, where)


def _of_hugging_face(dataset: Any, column: object) -> Columnar:
    schema = dataset.features.arrow_schema
    fitting = [field.name for field in schema if is_list(field.type)]
    name = choose(column, fitting, schema.names, "the dataset")
    chosen = dataset.select_columns([name]).with_format("arrow")[:]
    return ArrowColumn(chosen.column(name), f"column {name!r}")


def _of_arrow(source: Any, column: object) -> Columnar | None:
    table = _table(source)
    if table is None:
        return None
    pa = pyarrow("reading Arrow data")
    if isinstance(table, pa.ChunkedArray):
        return ArrowColumn(table, "the array")
    fitting = [field.name for field in table.schema if is_list(field.type)]
    if column is None and not fitting and isinstance(source, (pa.Table, pa.RecordBatch)):
        return None
    name = choose(column, fitting, table.schema.names, "the table")
    chosen = table.column(table.schema.names.index(name))
    if isinstance(chosen, pa.Array):
        chosen = pa.chunked_array([chosen])
    return ArrowColumn(chosen, f"column {name!r}")


def _table(source: Any) -> Any:
    """A pyarrow Table, RecordBatch or ChunkedArray of lists with the content of `source`.

    Objects of other libraries are taken by the Arrow C data interface, which shares their memory.
    """
    pa: Any = sys.modules.get("pyarrow")
    if _is(source, pa, "Table", "RecordBatch"):
        return source
    if _is(source, pa, "Array", "ChunkedArray"):
        if not is_list(source.type):
            return None
        return source if isinstance(source, pa.ChunkedArray) else pa.chunked_array([source])
    has_stream = hasattr(source, "__arrow_c_stream__")
    if not (has_stream or hasattr(source, "__arrow_c_array__")) or hasattr(source, "__array__"):
        return None
    pa = pyarrow(f"reading Arrow data of a {type(source).__name__}")
    try:
        if has_stream and hasattr(pa.ChunkedArray, "__arrow_c_stream__"):
            values = pa.chunked_array(source)
        elif has_stream:  # older versions read streams of tables only
            return pa.RecordBatchReader.from_stream(source).read_all()
        else:
            values = pa.chunked_array([pa.array(source)])
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ValueError(f"cannot be read by the Arrow C data interface: {error}") from None
    if pa.types.is_struct(values.type):
        names = [values.type.field(place).name for place in range(values.type.num_fields)]
        return (
            pa.Table.from_batches(
                [pa.RecordBatch.from_struct_array(chunk) for chunk in values.chunks],
                pa.schema(list(values.type)),
            )
            if names
            else None
        )
    return values


def _no_lists(where: str, kind: object, fitting: Sequence[Any]) -> str:
    others = f"; column {fitting[0]!r} holds lists" if len(fitting) else ""
    return f"{where} holds {kind}, but embeddings are lists of numbers{others}"
