"""Data frames of numbers, copied into a matrix: pandas, polars and pyarrow store them by column."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from thinset.selection.row_lists import LARGEST_EXACT_INTEGER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_LIBRARIES = {
    "pandas": ("DataFrame",),
    "polars": ("DataFrame", "LazyFrame"),
    "pyarrow": ("Table", "RecordBatch"),
}


class Frame(NamedTuple):
    """A frame of one of the supported libraries; its columns become those of a matrix."""

    frame: Any
    library: str

    @property
    def shape(self) -> tuple[int, int]:
        n_rows, n_columns = self.frame.shape
        return int(n_rows), int(n_columns)

    def dtype(self) -> np.dtype[Any]:
        """The smallest float type, of 16, 32 and 64 bits, that holds every column's values.

        Raises ValueError for a column that does not hold numbers; reads no values.
        """
        types = []
        for column, name in zip(self._columns(first_rows=0), self._names(), strict=True):
            kind = np.dtype(object)
            if not self._is_other_than_numbers(column):
                kind = self._numpy_type(column)
            if kind.kind not in "fiu" or kind.itemsize > 8:
                raise ValueError(
                    f"embeddings must have columns of numbers: column {name!r} holds "
                    f"{self._type_of(column)}; leave it out or convert it to numbers"
                )
            types.append(kind)
        return np.result_type(np.float16, *types)

    def matrix(self) -> NDArray[Any]:
        """Copy the columns into a matrix (N, D), row by row, one column at a time."""
        dtype = self.dtype()
        values = np.empty(self.shape, dtype)
        for number, column in enumerate(self._columns()):
            values[:, number] = self._values(column, dtype)
            kind = self._numpy_type(column)
            if kind.kind in "iu" and kind.itemsize == 8:
                self._require_exact(values[:, number], number)
        return values

    def _require_exact(self, values: NDArray[Any], number: int) -> None:
        large = np.abs(values) > LARGEST_EXACT_INTEGER - 1
        if large.any():
            raise ValueError(
                "embeddings must hold numbers that float64 represents exactly: column "
                f"{self._names()[number]!r} has an integer of 2**53 or more in row "
                f"{int(np.argmax(large))}; leave it out or convert it to floats"
            )

    def _names(self) -> list[Any]:
        if self.library == "pyarrow":
            return list(self.frame.schema.names)
        return list(self.frame.columns)

    def _columns(self, first_rows: int | None = None) -> Iterator[Any]:
        frame = self.frame
        n_columns = self.shape[1]
        if self.library == "pandas":
            rows = slice(first_rows)
            return (frame.iloc[rows, i] for i in range(n_columns))
        if self.library == "polars":
            head = frame if first_rows is None else frame.head(first_rows)
            return (head.to_series(i) for i in range(n_columns))
        head = frame if first_rows is None else frame.slice(0, first_rows)
        return (head.column(i) for i in range(n_columns))

    def _is_other_than_numbers(self, column: Any) -> bool:
        if self.library == "pandas":
            # Categories of numbers would convert to numbers, but are not numbers.
            types = sys.modules["pandas"].api.types
            return not types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype)
        if self.library == "polars":
            # numpy has no integers of 128 bits.
            is_number = column.dtype.is_float() or column.dtype.is_integer()
            return not is_number or "128" in str(column.dtype)
        types = sys.modules["pyarrow"].types
        return not (types.is_floating(column.type) or types.is_integer(column.type))

    def _numpy_type(self, column: Any) -> np.dtype[Any]:
        if self.library == "pandas":
            # Nullable, pyarrow and sparse columns name the type of their values.
            kind = getattr(
                column.dtype, "numpy_dtype", getattr(column.dtype, "subtype", column.dtype)
            )
        elif self.library == "polars":
            kind = column.head(0).to_numpy().dtype
        else:
            kind = column.type.to_pandas_dtype()
        dtype: np.dtype[Any] = np.dtype(kind)
        return dtype

    def _type_of(self, column: Any) -> str:
        return str(column.type if self.library == "pyarrow" else column.dtype)

    def _values(self, column: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The values of a column; missing ones become NaN, which is refused later."""
        if self.library == "pandas":
            return np.asarray(column.to_numpy(dtype=dtype, na_value=np.nan))
        if self.library == "polars":
            return np.asarray(column.to_numpy())
        return np.asarray(column.to_numpy(zero_copy_only=False))


def as_frame(source: object) -> Frame | None:
    """`source` as a frame, or None. A frame can only come from a library that is loaded."""
    for library, names in _LIBRARIES.items():
        module = sys.modules.get(library)
        kinds = tuple(kind for name in names if (kind := getattr(module, name, None)) is not None)
        if isinstance(source, kinds):
            if not hasattr(source, "shape"):
                raise ValueError(
                    f"embeddings must hold values, got a {library} {type(source).__name__}; pass "
                    "embeddings.collect()"
                )
            return Frame(source, library)
    return None
