"""Rows of parquet files: encoded images, and labels as plain values."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from thinset.data.sources.image_stream import BATCH_SIZE
from thinset.data.sources.pyarrow_types import holds_bytes
from thinset.files.arrow import open_parquet, pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thinset.data.sources.label_classes import LabelValue


class Row(NamedTuple):
    """Where a value is, for messages, and the value."""

    path: Path
    row: int
    value: Any

    def __str__(self) -> str:
        return f"{self.path}, row {self.row}"


def read_schema(path: Path) -> Any:
    """The columns of one file as a pyarrow schema."""
    with open_parquet(path) as file:
        return file.schema_arrow


def count_rows(path: Path) -> int:
    """The number of rows, from the file's metadata."""
    with open_parquet(path) as file:
        return int(file.metadata.num_rows)


def label_rows(files: Sequence[Path], column: str) -> Iterator[Row]:
    """Every label: an int, str or bool; None if there is none."""
    for path, first_row, batch in _record_batches(files, [column]):
        yield from _labels(path, first_row, batch.column(column), column)


def samples(
    files: Sequence[Path], image: str, label: str | None, root: Path, *, missing: bytes | None
) -> Iterator[tuple[Row, Row | None]]:
    """Every image, as bytes or the path of a file inside `root`, with its label.

    Raises ValueError, naming file and row, where there is no image, and where it would be a file
    that does not exist, unless `missing` replaces it; and for a file outside `root`.
    """
    for path, first_row, batch in _record_batches(files, [image] + ([label] if label else [])):
        images = _images(path, first_row, batch.column(image), image, root=root, missing=missing)
        if label is None:
            yield from ((row, None) for row in images)
        else:
            labels = _labels(path, first_row, batch.column(label), label)
            yield from zip(images, labels, strict=True)


def _images(
    path: Path, first_row: int, column: Any, name: str, *, root: Path, missing: bytes | None
) -> Iterator[Row]:
    column = _plain(column)
    contents, paths = column, None
    if pyarrow().types.is_struct(column.type):
        # Unlike field(), flatten() gives null where the struct itself is null.
        fields = dict(zip((f.name for f in column.type), column.flatten(), strict=True))
        contents = _plain(fields["bytes"]) if "bytes" in fields else None
        paths = _plain(fields["path"]) if "path" in fields else None
    elif not holds_bytes(column.type):
        contents, paths = None, column
    for index in range(len(column)):
        where = Row(path, first_row + index, None)
        content = None if contents is None else contents[index].as_py()
        if content is None:
            file = None if paths is None else _text(where, paths[index], name)
            content = missing if file is None else _file_inside(where, file, root) or missing
            if content is None:
                reason = f": column {name!r} holds no image"
                if file is not None:
                    reason = f" names the image file {_short(file)}, but {root} has no such file"
                raise ValueError(
                    f"{where}{reason} (`thinset data import` and `thinset embed` leave it out with "
                    "--skip-unreadable)"
                )
        yield where._replace(value=content)


def _file_inside(where: Row, file: str, root: Path) -> Path | None:
    """The file that a row names, relative to its parquet file or to the folder of all."""
    for folder in (where.path.parent, root):
        # Judged by the name alone: links that the owner of the folder made are followed.
        found = Path(os.path.normpath(folder.absolute() / file))
        if found.is_relative_to(os.path.normpath(root.absolute())) and "\0" not in file:
            if found.is_file():
                return found
        elif folder == root:
            raise ValueError(
                f"{where} names the image file {_short(file)}, which is outside of {root}; images "
                "are read from there alone"
            )
    return None


def _labels(path: Path, first_row: int, column: Any, name: str) -> Iterator[Row]:
    for row, scalar in enumerate(_plain(column), start=first_row):
        where = Row(path, row, None)
        if pyarrow().types.is_floating(scalar.type):
            yield where._replace(value=_whole(where, scalar.as_py(), name))
        else:
            yield where._replace(value=_text(where, scalar, name))


def _whole(where: Row, value: float | None, name: str) -> LabelValue | None:
    if value is None or math.isnan(value):
        return None  # pandas has no other way to leave out an integer
    if not math.isfinite(value) or value != int(value):
        raise ValueError(f"{where}: column {name!r} holds {value}, but class labels are integers")
    return int(value)


def _text(where: Row, scalar: Any, name: str) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: column {name!r} holds text that is not UTF-8") from error


def _plain(column: Any) -> Any:
    """The values themselves, without dictionary encoding and extension types."""
    pa = pyarrow()
    while True:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        elif isinstance(column.type, pa.BaseExtensionType):
            column = column.storage
        else:
            return column


def _record_batches(files: Sequence[Path], columns: list[str]) -> Iterator[tuple[Path, int, Any]]:
    """Every file's record batches with the row of the file that each starts at."""
    for path in files:
        with open_parquet(path) as file:
            missing = set(columns) - set(file.schema_arrow.names)
            if missing:
                raise ValueError(f"{path} lacks the columns {sorted(missing)} of the first file")
            first_row = 0
            for batch in file.iter_batches(batch_size=BATCH_SIZE, columns=columns):
                yield path, first_row, batch
                first_row += batch.num_rows


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
