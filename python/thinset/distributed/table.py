"""A selection as a table that other programs read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.files.arrow import pyarrow
from thinset.files.atomic import atomic_file

if TYPE_CHECKING:
    import os

    from thinset.selection.result import Selection


def write_table(selection: Selection, path: str | os.PathLike[str]) -> None:
    """Write a parquet file with one line for each chosen row, in selection order, atomically.

    Columns: `order` (from 0) and `row` (in the whole matrix), int64; `gain`, float64; `id`, if the
    selection has ids. Raises ImportError without pyarrow, ValueError if it would
    overwrite a file that the rows were chosen from, OSError if the file cannot be written.
    """
    selection.inputs.require_apart(path)
    pa = pyarrow("writing parquet")
    columns: dict[str, Any] = {
        "order": np.arange(len(selection)),
        "row": selection.indices,
        "gain": selection.gains,
    }
    if selection.ids is not None:
        is_text = selection.ids.dtype.kind in "US"
        columns["id"] = selection.ids.tolist() if is_text else selection.ids
    with atomic_file(path) as partial, partial.open("wb") as file:
        pa.parquet.write_table(pa.table(columns), file)
