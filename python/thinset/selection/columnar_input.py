"""Embeddings in a column of lists, or in a named tensor: files by their suffix, tables, frames."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.files.arrow import pyarrow
from thinset.files.regular import require_regular

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.selection.vector_columns import Columnar


def as_columnar(source: object, column: object) -> Columnar | None:
    """The embeddings in `source`, if they are a column of lists or a named tensor; else None.

    column: its name; None for the only one. Raises ValueError for a name that `source` does not
    have, and for a name if `source` has no columns.
    """
    if isinstance(source, (str, os.PathLike)):
        opener = _OPENERS.get(_suffix(source))
        found = opener(_text(source), column) if opener is not None else None
    elif isinstance(source, np.ndarray):
        found = None
    else:
        found = _vector_column(source, column)
    if found is None and column is not None:
        is_path = isinstance(source, (str, os.PathLike))
        what = repr(_text(source)) if is_path else type(source).__name__
        raise ValueError(
            f"column={column!r} does not apply to {what}; it names a column of lists in a parquet "
            "file, a table or a frame, or a tensor in a safetensors file"
        )
    return found


def has_columns(source: object) -> bool:
    """Whether `column` applies to `source`: a file, table or frame of named columns, or shards."""
    if isinstance(source, (list, tuple)):
        return bool(source) and has_columns(source[0])
    if isinstance(source, (str, os.PathLike)):
        return _suffix(source) in _OPENERS
    return hasattr(source, "columns") or hasattr(source, "column_names")


def _text(path: Any) -> str:
    return os.fsdecode(os.fspath(path))


def _suffix(path: Any) -> str:
    return _text(path).lower().rpartition(".")[2]


# Imported late: most calls need none of them, and they add to the time of `import thinset`.
def _vector_column(source: object, column: object) -> Columnar | None:
    from thinset.selection.vector_columns import as_vector_column

    return as_vector_column(source, column)


def _open_parquet(path: str, column: object) -> Columnar:
    from thinset.selection.parquet_input import ParquetColumn

    return ParquetColumn(path, column)


def _open_safetensors(path: str, column: object) -> Columnar:
    from thinset.selection.safetensors_input import SafetensorsTensor

    return SafetensorsTensor(path, column)


def _open_arrow_file(path: str, column: object) -> Columnar | None:
    """An Arrow IPC file or stream (.arrow, .feather), mapped; compressed ones are decoded."""
    pa = pyarrow("reading Arrow files")
    require_regular(path)
    try:
        with pa.memory_map(path) as mapped:
            try:
                table = pa.ipc.open_file(mapped).read_all()
            except pa.ArrowInvalid:
                mapped.seek(0)
                table = pa.ipc.open_stream(mapped).read_all()
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the system
        raise ValueError(f"it is damaged or no Arrow file: {error}") from error
    found = _vector_column(table, column)
    if found is None:
        names = ", ".join(table.schema.names)
        raise ValueError(f"it has no column of lists of numbers; it has {names or 'no columns'}")
    return found


_OPENERS: dict[str, Callable[[str, object], Columnar | None]] = {
    "parquet": _open_parquet,
    "pq": _open_parquet,
    "safetensors": _open_safetensors,
    "arrow": _open_arrow_file,
    "feather": _open_arrow_file,
    "ipc": _open_arrow_file,
}
