"""Selection on Hugging Face datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import datasets
import numpy as np
import pyarrow as pa

from thinset.data.export.chosen import Chosen
from thinset.data.export.hugging_face import rows_of_dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset.data.export.chosen import By
    from thinset.selection import Selection


def embeddings(dataset: datasets.Dataset, column: str) -> NDArray[Any]:
    """Return the embeddings in a column of lists of numbers, as a matrix (N, D).

    Nothing is copied if the column is contiguous; 16-, 32- and 64-bit floats keep their type,
    integers become float32. Raises ValueError for a missing column, for values that are not lists
    of numbers, for lists of different lengths, and for missing values.
    """
    _require_one_split(dataset)
    if column not in dataset.column_names:
        known = ", ".join(dataset.column_names)
        raise ValueError(f"column must be one of {known}; got {column!r}")
    lists = dataset.select_columns([column]).with_format("arrow")[:].column(column)
    pieces = [_as_matrix(chunk, column) for chunk in lists.chunks if len(chunk)]
    lengths = {piece.shape[1] for piece in pieces}
    if len(lengths) != 1:
        raise ValueError(_one_length(column, lengths))
    matrix = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return matrix if matrix.dtype.kind == "f" else matrix.astype(np.float32)


def select(
    dataset: datasets.Dataset, selection: Selection | Any, *, id_column: str | None = None
) -> datasets.Dataset:
    """Return the selected rows of `dataset`, in selection order.

    Args:
        selection: a `Selection`, row numbers, or ids (texts).
        id_column: find the ids of the selection in this column, instead of row numbers.

    `thinset.export_subset` writes the rows to a folder.

    Raises ValueError if the selection was made from another number of rows, or the column does not
    have its ids.
    """
    _require_one_split(dataset)
    n_total = getattr(selection, "n_total", len(dataset))
    if id_column is None and n_total != len(dataset):
        raise ValueError(
            f"the selection was made from {n_total} rows, but the dataset has {len(dataset)}"
        )
    by: By = "rows" if id_column is None else "ids"
    return dataset.select(rows_of_dataset(dataset, Chosen(selection), by, id_column))


def _require_one_split(dataset: object) -> None:
    if not isinstance(dataset, datasets.Dataset):
        raise ValueError(
            "dataset must be one datasets.Dataset, such as a split of a DatasetDict, got "
            f"{type(dataset).__name__}"
        )


def _as_matrix(lists: pa.Array, column: str) -> NDArray[Any]:
    if isinstance(lists, pa.ExtensionArray):
        lists = lists.storage
    is_list = any(
        check(lists.type)
        for check in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    )
    if not is_list or not _is_number(lists.type.value_type):
        raise ValueError(f"column {column!r} must hold lists of numbers, got {lists.type}")
    values = lists.flatten()
    if lists.null_count or values.null_count:
        raise ValueError(f"column {column!r} must have a value everywhere, but some are missing")
    lengths = set(lists.value_lengths().unique().to_pylist())
    if len(lengths) != 1:
        raise ValueError(_one_length(column, lengths))
    matrix: NDArray[Any] = values.to_numpy(zero_copy_only=False).reshape(len(lists), lengths.pop())
    return matrix


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _one_length(column: str, lengths: set[int]) -> str:
    found = f"{min(lengths)} to {max(lengths)}" if lengths else "no rows"
    return f"column {column!r} must hold lists of one length, got {found}"
