"""Parquet files of encoded images, in the layout of the public hubs.

One column holds the images' bytes, alone or as a struct {bytes, path}; another holds integer
labels. Column roles and class names are taken from the "huggingface" entry of the schema's
metadata where there is one, else the columns are found by their types.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.sources.encoded_image import decode, require_size, survey
from thinset.data.sources.image_stream import BATCH_SIZE, ImageStream, require_split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thinset.data.sources.image_stream import Batch, EncodedSample


class Parquet:
    """A .parquet file (the training split), or a folder of them named train-*, test-*.

    The files may lie one folder deeper, as in the hubs' repositories. Where no file is named after
    a split, all are training data; where some are, the others are left alone. Row groups are
    streamed, so that files may be larger than memory.
    """

    name = "parquet"
    summary = "parquet files with a column of encoded images and one of labels, as on public hubs"

    def recognises(self, path: str) -> bool:
        """Whether there are .parquet files."""
        return bool(_files_by_split(path))

    def splits(self, path: str) -> tuple[str, ...]:
        """The splits that files are named after."""
        return tuple(_files_by_split(path))

    def open(self, path: str, split: str, size: tuple[int, int] | None = None) -> ImageStream:
        """Open one split; errors name the file, and the row or the columns where it matters."""
        require_split(split, self.splits(path), path)
        files = _files_by_split(path)[split]
        columns = _find_columns(files[0])
        n_samples = sum(_count_rows(file) for file in files)
        if n_samples == 0:
            raise ValueError(f"{path} has no rows in its {split} files")
        height, width, channels = survey(_images(files, columns))
        if size is not None:
            require_size(size)
            height, width = size
        shape = (height, width, channels)
        return ImageStream(
            name=Path(path).resolve().name.removesuffix(".parquet"),
            n_samples=n_samples,
            image_shape=shape,
            batches=lambda: _batches(files, columns, shape, resize=size is not None),
            class_names=columns.class_names,
            provenance={"kind": self.name, "path": path, "split": split, "size": size},
            encoded=lambda: _samples(files, columns),
        )


@dataclass(frozen=True)
class _Columns:
    image: str
    label: str | None
    class_names: tuple[str, ...] | None


def _files_by_split(path: str) -> dict[str, list[Path]]:
    root = Path(path)
    if root.is_file():
        return {"train": [root]} if root.suffix == ".parquet" else {}
    files = sorted([*root.glob("*.parquet"), *root.glob("*/*.parquet")])
    if len({file.parent for file in files}) > 1:
        raise ValueError(f"{path} has .parquet files in several folders; give one of them")
    named = {s: [f for f in files if f.stem.split("-")[0] == s] for s in ("train", "test")}
    found = {split: of_split for split, of_split in named.items() if of_split}
    return found or ({"train": files} if files else {})


def _find_columns(path: Path) -> _Columns:
    with _opened(path) as file:
        schema = file.schema_arrow
    features = _hub_features(schema, path)
    of_type = {name: f.get("_type") for name, f in features.items() if isinstance(f, dict)}
    images = [n for n in schema.names if of_type.get(n) == "Image"]
    labels = [n for n in schema.names if of_type.get(n) == "ClassLabel"]
    image = _only(images or [f.name for f in schema if _holds_bytes(f.type)], "image", path)
    label = _only(labels or [f.name for f in schema if _is_integer(f.type)], "label", path)
    if image is None:
        raise ValueError(f"{path} has no column of encoded images, only {schema.names}")
    names = None if label is None or label not in labels else features[label].get("names")
    if names is not None and not all(isinstance(name, str) for name in names):
        raise ValueError(f"{path}: the class names of column {label!r} must be strings")
    return _Columns(image, label, None if names is None else tuple(names))


def _only(candidates: Sequence[str], role: str, path: Path) -> str | None:
    """The one candidate, or among several the one that is named after its role."""
    if role in candidates:
        return role
    if len(candidates) > 1:
        raise ValueError(f"{path} has several {role} columns, {list(candidates)}; keep one of them")
    return candidates[0] if candidates else None


def _hub_features(schema: Any, path: Path) -> dict[str, Any]:
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None:
        return {}
    try:
        features = json.loads(text)["info"]["features"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: the schema's 'huggingface' entry is damaged: {error}") from error
    if not isinstance(features, dict):
        raise ValueError(f"{path}: the schema's 'huggingface' features must be an object")
    return features


def _holds_bytes(kind: Any) -> bool:
    types = _pyarrow().types
    if types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _holds_bytes(kind.field(index).type)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_integer(kind: Any) -> bool:
    return bool(_pyarrow().types.is_integer(kind))


def _count_rows(path: Path) -> int:
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def _record_batches(files: list[Path], columns: list[str]) -> Iterator[tuple[Path, int, Any]]:
    """Every file's record batches with the row of the file that each starts at."""
    for path in files:
        with _opened(path) as file:
            missing = set(columns) - set(file.schema_arrow.names)
            if missing:
                raise ValueError(f"{path} lacks the columns {sorted(missing)} of the first file")
            first_row = 0
            for batch in file.iter_batches(batch_size=BATCH_SIZE, columns=columns):
                yield path, first_row, batch
                first_row += batch.num_rows


def _images(files: list[Path], columns: _Columns) -> Iterator[tuple[str, bytes]]:
    for path, first_row, batch in _record_batches(files, [columns.image]):
        yield from _encoded(batch, columns, path, first_row)


def _encoded(
    batch: Any, columns: _Columns, path: Path, first_row: int
) -> Iterator[tuple[str, bytes]]:
    column = batch.column(columns.image)
    if _pyarrow().types.is_struct(column.type):
        column = column.field("bytes")
    for row, content in enumerate(column, start=first_row):
        name = f"{path}, row {row}"
        if not content.is_valid:
            raise ValueError(f"{name}: column {columns.image!r} holds no image")
        yield name, content.as_py()


def _batches(
    files: list[Path], columns: _Columns, shape: tuple[int, int, int], *, resize: bool
) -> Iterator[Batch]:
    wanted = [columns.image] if columns.label is None else [columns.image, columns.label]
    for path, first_row, batch in _record_batches(files, wanted):
        encoded = _encoded(batch, columns, path, first_row)
        images = np.stack([decode(image, shape, resize=resize) for image in encoded])
        yield images, _labels(batch, columns.label, path, first_row)


def _samples(files: list[Path], columns: _Columns) -> Iterator[EncodedSample]:
    wanted = [columns.image] if columns.label is None else [columns.image, columns.label]
    for path, first_row, batch in _record_batches(files, wanted):
        labels = _labels(batch, columns.label, path, first_row)
        for row, (name, content) in enumerate(_encoded(batch, columns, path, first_row)):
            yield name, content, None if labels is None else int(labels[row])


def _labels(
    batch: Any, label: str | None, path: Path, first_row: int
) -> np.ndarray[Any, Any] | None:
    if label is None:
        return None
    column = batch.column(label)
    if column.null_count:
        row = first_row + column.is_null().index(True).as_py()
        raise ValueError(f"{path}, row {row}: column {label!r} holds no label")
    return np.asarray(column.to_numpy(zero_copy_only=False))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    pyarrow = _pyarrow()
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield file
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} is not a whole parquet file: {error}") from error


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "reading parquet needs pyarrow: pip install 'thinset[parquet]'"
        ) from error
    return pa
