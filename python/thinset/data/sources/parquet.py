"""Parquet files of encoded images, in the layout of the public hubs.

One column holds the images, as bytes, as a struct {bytes, path} or as file names; another holds
labels: integers, strings or booleans.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from thinset.data.provenance import ImportedFrom
from thinset.data.sources.encoded_splits import EncodedSplit, open_encoded_splits
from thinset.data.sources.image_stream import Opened
from thinset.data.sources.label_classes import (
    UNLABELLED,
    LabelClasses,
    classes_of,
    with_gaps_filled,
)
from thinset.data.sources.listing import first_of
from thinset.data.sources.parquet_columns import Columns, class_names_of, find_columns
from thinset.data.sources.parquet_files import find_parquet, has_parquet
from thinset.data.sources.parquet_rows import count_rows, label_rows, read_schema, samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from thinset.data.sources.image_stream import EncodedSample, ReadOptions
    from thinset.data.sources.label_classes import LabelValue
    from thinset.data.sources.parquet_rows import Row


class Parquet:
    """A .parquet file (the training split), or a folder of files named after splits.

    See `find_parquet` for files and splits, `find_columns` for the columns, `classes_of` for the
    classes. Row groups are streamed, so that files may be larger than memory.
    """

    name = "parquet"
    summary = "parquet files with a column of encoded images and one of labels, as on public hubs"

    def recognises(self, path: str) -> bool:
        """Whether there are .parquet files."""
        return has_parquet(path)

    def open(self, path: str, options: ReadOptions) -> Opened:
        """Open all splits; errors name the file, and the row or the columns where it matters."""
        files, notes = find_parquet(path)
        root = Path(path) if Path(path).is_dir() else Path(path).parent
        columns = find_columns(read_schema(files["train"][0]), files["train"][0], options)
        for split, of_split in files.items():
            if not any(map(count_rows, of_split)):
                raise ValueError(f"{path} has no rows in its {split} files")
        labels = _Labels(columns, files)
        # An empty image is one that cannot be read.
        missing = b"" if options.skip_unreadable else None
        splits = {
            split: _split(
                of_split, columns, labels if split in labels.splits else None, root, missing
            )
            for split, of_split in files.items()
        }
        opened = open_encoded_splits(
            splits,
            name=Path(path).resolve().name.removesuffix(".parquet"),
            provenance=ImportedFrom(source=self.name, path=path),
            class_names=labels.class_names,
            options=options,
        )
        return Opened(opened.streams, (*notes, columns.describe(), *labels.notes, *opened.notes))


class _Labels:
    """The label column: its classes, and which splits have labels."""

    def __init__(self, columns: Columns, files: Mapping[str, list[Path]]) -> None:
        self._columns = columns
        self.notes: list[str] = []
        self.splits: list[str] = []
        self.classes: LabelClasses | None = None
        if columns.label is None:
            return
        train = files["train"]
        values = _distinct(train, columns.label)
        for split, of_split in files.items():
            if split == "train" or self._are_in(split, of_split, columns.label):
                self.splits.append(split)
                if split != "train":
                    others = {row.value for row in label_rows(of_split, columns.label)}
                    values = with_gaps_filled(values, others)
        try:
            self.classes = classes_of(
                values,
                sum(map(count_rows, train)),
                names=columns.class_names,
                is_given=columns.is_label_given,
            )
        except ValueError as error:
            raise ValueError(
                f"{train[0]}: column {columns.label!r} cannot be the labels: {error}; choose them "
                "with `thinset data import --label-column NAME`, or read the images alone with "
                "`--no-labels`"
            ) from error
        if self.classes.note:
            self.notes.append(f"labels are {self.classes.note}")

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return None if self.classes is None else self.classes.names

    def _are_in(self, split: str, files: Sequence[Path], column: str) -> bool:
        """Whether a split has labels: test splits of competitions have none, or -1 throughout."""
        if any(column not in read_schema(path).names for path in files):
            reason = f"no column {column!r}"
        elif all(row.value in (None, UNLABELLED) for row in label_rows(files, column)):
            reason = f"nothing but missing values or {UNLABELLED} in column {column!r}"
        else:
            self._require_same_names(split, files)
            return True
        self.notes.append(f"{split}: {reason}, so its images have no labels")
        return False

    def _require_same_names(self, split: str, files: Sequence[Path]) -> None:
        for path in files:
            names = class_names_of(read_schema(path), self._columns.label, path)
            if names != self._columns.class_names:
                raise ValueError(
                    f"{path}: the {split} split has the class names {_few(names)}, but the "
                    f"training split has {_few(self._columns.class_names)}"
                )

    def number(self, row: Row) -> int:
        """The class of one row; ValueError if there is none."""
        assert self.classes is not None
        found = self.classes.numbers.get(row.value)
        if found is not None:
            return found
        column = f"{row}: column {self._columns.label!r}"
        if row.value is None:
            raise ValueError(f"{column} holds no label")
        if self._columns.class_names is not None and not isinstance(row.value, str):
            last = len(self._columns.class_names) - 1
            raise ValueError(f"{column}: labels must be in 0..{last}, got {row.value}")
        raise ValueError(f"{column} holds {row.value!r}, which no training label is")


def _few(names: tuple[str, ...] | None) -> str:
    return "none" if names is None else first_of(names, 10)


def _distinct(files: Sequence[Path], column: str) -> set[LabelValue]:
    values: set[LabelValue] = set()
    for row in label_rows(files, column):
        if row.value is None:
            raise ValueError(f"{row}: column {column!r} holds no label")
        if isinstance(row.value, int) and row.value < 0:
            raise ValueError(
                f"{row}: column {column!r} holds the label {row.value}, but labels must be >= 0; "
                "remove the rows without a label, or read the images alone with `thinset data "
                "import --no-labels`"
            )
        values.add(row.value)
    return values


def _split(
    files: Sequence[Path],
    columns: Columns,
    labels: _Labels | None,
    root: Path,
    missing: bytes | None,
) -> EncodedSplit:
    def encoded() -> Iterator[EncodedSample]:
        label_column = None if labels is None else columns.label
        for image, label in samples(files, columns.image, label_column, root, missing=missing):
            number = None if label is None or labels is None else labels.number(label)
            yield str(image), image.value, number

    return EncodedSplit(sum(map(count_rows, files)), encoded)
