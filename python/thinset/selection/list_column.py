"""Arrow arrays of lists of numbers, one list per row, viewed as matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.files.arrow import pyarrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}


def is_list(kind: Any) -> bool:
    """Whether values of this Arrow type are lists of numbers, of any length and number type."""
    types = pyarrow().types
    kind = _plain_type(kind)
    is_any = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(
        is_any and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type))
    )


def dtype_of(kind: Any, where: str) -> np.dtype[Any]:
    """The element type of a column of this Arrow type; ValueError if it is none of the floats.

    where: used in messages.
    """
    kind = _plain_type(kind)
    if not is_list(kind):
        raise ValueError(
            f"{where} holds {kind}; embeddings are lists, or fixed-size lists, of float16, float32 "
            "or float64"
        )
    name = _FLOATS.get(str(kind.value_type))
    if name is None:
        raise ValueError(
            f"{where} holds lists of {kind.value_type}; convert them with "
            "column.cast(pyarrow.list_(pyarrow.float32()))"
        )
    return np.dtype(name)


def fixed_width(kind: Any) -> int | None:
    """The length of every list, if the type states it."""
    kind = _plain_type(kind)
    return int(kind.list_size) if pyarrow().types.is_fixed_size_list(kind) else None


def rows_of(
    lists: Any, where: str, *, first_row: int = 0, width: int | None = None
) -> NDArray[Any]:
    """View an Arrow array of lists as a matrix (n, D), without a copy.

    where, first_row: used in messages: what the column is called, and the row that this array
    starts at. width: the length of the lists before it.

    Raises ValueError, naming the row, for a missing list, a missing number and a list of another
    length; and for lists of other types than floats.
    """
    dtype = dtype_of(lists.type, where)
    while isinstance(lists, pyarrow().ExtensionArray):
        lists = lists.storage
    if lists.null_count:
        row = first_row + int(np.argmax(lists.is_null().to_numpy(zero_copy_only=False)))
        raise ValueError(f"{where} has no list in row {row}; {_rows_advice(lists.null_count)}")
    n_columns = fixed_width(lists.type)
    if n_columns is None:
        n_columns = _one_width(lists, where, first_row, width)
    values = lists.flatten()
    if values.null_count:
        place = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        row, column = divmod(place, n_columns)
        raise ValueError(
            f"{where} has a missing number in row {first_row + row}, column {column}; remove the "
            "row, or fill in a number"
        )
    array: NDArray[Any] = values.to_numpy(zero_copy_only=True)
    assert array.dtype == dtype
    return array.reshape(len(lists), n_columns)


def _one_width(lists: Any, where: str, first_row: int, width: int | None) -> int:
    widths = np.diff(lists.offsets.to_numpy())
    expected = width if width is not None else int(widths[0]) if len(widths) else 0
    others = widths != expected
    if others.any():
        row = int(np.argmax(others))
        raise ValueError(different_width(where, first_row + row, int(widths[row]), expected))
    return expected


def different_width(where: str, row: int, found: int, expected: int) -> str:
    """The message about a row that is not as long as those before it."""
    return (
        f"{where} must hold lists of one length: row {row} has {found} numbers, the rows before it "
        f"have {expected}; remove the row, or compute its embedding again"
    )


def _rows_advice(n_rows: int) -> str:
    return (
        "remove the row"
        if n_rows == 1
        else f"remove the rows without one ({n_rows:,} of those read so far)"
    )


def _plain_type(kind: Any) -> Any:
    while isinstance(kind, pyarrow().BaseExtensionType):
        kind = kind.storage_type
    return kind
