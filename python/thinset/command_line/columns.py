"""Files with one entry per row, and columns of parquet files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset._core import open_npy
from thinset.files.arrow import open_parquet, pyarrow
from thinset.files.regular import read_text
from thinset.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    Column = np.ndarray[Any, Any]

PARQUET = (".parquet", ".pq")


def read_column(path: Path, embeddings: Sequence[Path] = ()) -> Column:
    """One entry per row: a .npy file, a column of parquet, or the lines of any other file as text.

    FILE.parquet:NAME is a column of a parquet file, :NAME one of the parquet files `embeddings`.

    Raises ValueError, naming the file, for a missing column, a missing entry, and other content.
    """
    files, name = _parsed(path, embeddings)
    if name is not None:
        parts = [_read_parquet(file, name) for file in files]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    if path.suffix == ".npy":
        return open_npy(os.fsencode(path))
    if writes_rows(path):
        raise ValueError(f"{path} is a parquet file; name the column that is meant: {path}:NAME")
    # Some editors put a byte order mark in front.
    lines = read_text(path).removeprefix("\ufeff").split("\n")
    if lines[-1] == "":
        lines.pop()
    return np.array([line.removesuffix("\r") for line in lines], dtype=np.str_)


def read_ids(path: Path, data: Sequence[Path] = ()) -> list[str]:
    """The ids in a file or column, as `read_column` reads it, as text.

    Raises ValueError, naming the file, for content that is no texts or integers, for an empty id
    and for no id at all.
    """
    array = read_column(path, data)
    if array.ndim != 1 or array.dtype.kind not in "USiu":
        raise ValueError(
            f"{path} must hold texts or integers in one dimension, got {array.dtype} of shape "
            f"{array.shape}"
        )
    ids = [value.decode() if isinstance(value, bytes) else str(value) for value in array.tolist()]
    if "" in ids:
        raise ValueError(f"{path}, line {ids.index('') + 1} is empty, but each line is an id")
    if not ids:
        raise ValueError(f"{path} holds no ids")
    return ids


def vectors_in(path: Path, embeddings: Sequence[Path] = ()) -> tuple[list[Path], str | None]:
    """The files that hold embeddings, and the name of their column if `path` gives one.

    FILE.parquet:NAME and :NAME are columns, as for `read_column`.
    """
    return _parsed(path, embeddings)


def read_rows(path: Path, embeddings: Sequence[Path] = ()) -> Column | Selection:
    """Row numbers or a mask, as `read_column` reads them, or a saved selection (.npz)."""
    if path.suffix == ".npz":
        return Selection.load(path)
    return _read(path, embeddings, "iub", "integers or booleans")


def read_numbers(path: Path, embeddings: Sequence[Path] = ()) -> Column:
    """One number per row, as `read_column` reads them."""
    return _read(path, embeddings, "iufb", "numbers")


def _read(path: Path, embeddings: Sequence[Path], kinds: str, content: str) -> Column:
    column = read_column(path, embeddings)
    if column.dtype.kind not in kinds:
        found = "text" if column.dtype.kind in "US" else str(column.dtype)
        raise ValueError(
            f"{path} must hold {content}, got {found}; give a .npy file or a column, "
            "FILE.parquet:NAME"
        )
    return column


def column_files(path: Path, embeddings: Sequence[Path] = ()) -> list[Path]:
    """The files that `read_column` reads."""
    return _parsed(path, embeddings)[0]


def writes_rows(out: Path) -> bool:
    """Whether the output `out` is to hold rows of parquet files, with all columns."""
    return out.name.lower().endswith(PARQUET)


def require_rows_of(embeddings: Sequence[Path], out: Path) -> None:
    """Raise ValueError if `out` is to hold rows of parquet files, but `embeddings` are none."""
    others = [path for path in embeddings if not writes_rows(path)]
    if writes_rows(out) and others:
        raise ValueError(
            f"{out} would hold rows of parquet files, but the embeddings are in {others[0]}; name "
            "another output, then use thinset subset"
        )


def _parsed(path: Path, embeddings: Sequence[Path]) -> tuple[list[Path], str | None]:
    # Names of columns may hold colons.
    named = re.fullmatch(r"(|.+?\.(?:parquet|pq)):(.*)", str(path), re.DOTALL | re.IGNORECASE)
    if named is None or path.exists():
        return [path], None
    file, name = named.groups()
    files = [Path(file)] if file else list(embeddings)
    if not files or not all(map(writes_rows, files)):
        raise ValueError(
            f"{path} names a column of the parquet files of the command, but these are no parquet "
            "files; write FILE.parquet:NAME"
        )
    return files, name


def _read_parquet(file: Path, name: str) -> Column:
    with open_parquet(file) as opened:
        names = opened.schema_arrow.names
        if names.count(name) != 1:
            problem = "several columns named" if name in names else "no column"
            raise ValueError(f"{file} has {problem} {name!r}; it has {', '.join(names)}")
        column = opened.read(columns=[name], use_threads=False).column(name)
    types = pyarrow().types
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        missing = int(np.argmax(column.is_null().to_numpy()))
        raise ValueError(
            f"{file}: column {name!r} has no entry in row {missing}; fill it in, or leave out the "
            "row"
        )
    values: Column = column.to_numpy()
    is_text = types.is_string(column.type) or types.is_large_string(column.type)
    if is_text:
        return values.astype(np.str_)
    if values.dtype.kind not in "iufb":
        raise ValueError(f"{file}: column {name!r} must hold numbers or texts, got {column.type}")
    return values
