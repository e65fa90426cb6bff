"""Which columns of a parquet file hold the images and the labels.

Columns are taken by what the file says of them (the hubs' "huggingface" entry) and by well-known
names, never by type alone where several could be meant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thinset.data.sources.pyarrow_types import (
    holds_bytes,
    holds_labels,
    holds_paths,
    is_nested,
    plain_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from thinset.data.sources.image_stream import ReadOptions

LABEL_NAMES = (
    *("label", "labels", "fine_label", "fine_labels", "class", "class_label", "class_id"),
    *("target", "targets", "category", "category_id", "y"),
)
"""Names of label columns, in any case; the first that a file has is taken."""

IMAGE_NAMES = (
    *("image", "img", "images", "picture", "photo", "image_bytes", "bytes", "jpg", "jpeg", "png"),
    *("webp", "image_path", "file_name", "filename", "file", "path"),
)
"""Names of image columns, in any case; the first that a file has is taken."""

_WHAT_TO_DO = (
    "choose the labels with `thinset data import --label-column NAME`, or read the images alone "
    "with `--no-labels`"
)


@dataclass(frozen=True)
class Columns:
    """The columns to read. `class_names`: those in the file's schema; `all_names`: of the file."""

    image: str
    label: str | None
    class_names: tuple[str, ...] | None
    all_names: tuple[str, ...]
    is_label_given: bool = False

    def describe(self) -> str:
        """What is taken for what."""
        taken = {self.image, self.label}
        unread = [name for name in self.all_names if name not in taken]
        labels = "without labels" if self.label is None else f"labels from column {self.label!r}"
        rest = f"; not read: {', '.join(unread)}" if unread else ""
        return f"images from column {self.image!r}, {labels}{rest}"


def find_columns(schema: Any, path: Path, options: ReadOptions) -> Columns:
    """Choose the columns of `schema`, a pyarrow schema read from `path`.

    Raises ValueError listing the columns where there is no choice without guessing, where a column
    of `options` does not exist, and where a column cannot hold what it is taken for.
    """
    features = _hub_features(schema, path)
    repeated = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if repeated:
        raise ValueError(f"{path} has several columns named {repeated[0]!r}")
    for name, option in (
        (options.image_column, "--image-column"),
        (options.label_column, "--label-column"),
    ):
        if name is not None and name not in schema.names:
            raise ValueError(f"{option} {name}: {path} has the columns {_listed(schema)}")
    image = options.image_column or _image_column(schema, features, path, options)
    kind = schema.field(image).type
    if not (holds_bytes(kind) or holds_paths(kind)):
        raise ValueError(f"{path}: column {image!r} holds {kind}, {_what_images_are(kind)}")
    label = None
    if options.with_labels:
        label = options.label_column or _label_column(schema, features, image, path)
    if label is not None and not holds_labels(schema.field(label).type):
        raise ValueError(
            f"{path}: column {label!r} holds {schema.field(label).type}, but class labels are "
            f"integers, strings or booleans, one for each image; {_WHAT_TO_DO}"
        )
    return Columns(
        image,
        label,
        class_names_of(schema, label, path),
        tuple(schema.names),
        is_label_given=options.label_column is not None,
    )


def class_names_of(schema: Any, label: str | None, path: Path) -> tuple[str, ...] | None:
    """The names of the classes that the file's own description gives to a column."""
    names = _hub_features(schema, path).get(f"{label}.names")
    if label is None or names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{path}: the class names of column {label!r} must be strings")
    return tuple(names)


def _image_column(
    schema: Any, features: Mapping[str, str], path: Path, options: ReadOptions
) -> str:
    names: list[str] = schema.names
    declared = [name for name in names if features.get(name) == "Image"]
    if len(declared) == 1:
        return declared[0]
    reserved = {options.label_column, _first_known(schema.names, LABEL_NAMES)}
    names = [name for name in names if name not in reserved]
    with_bytes = declared or [name for name in names if holds_bytes(schema.field(name).type)]
    if len(with_bytes) == 1:
        return with_bytes[0]
    paths = [name for name in names if holds_paths(schema.field(name).type)]
    found = _first_known(with_bytes or paths, IMAGE_NAMES)
    if found is not None:
        return found
    if with_bytes:
        raise ValueError(
            f"{path} has several image columns, {with_bytes}; choose one with `thinset data import "
            "--image-column NAME`"
        )
    nested = [name for name in IMAGE_NAMES if name in schema.names]
    about = nested[:1] or [field.name for field in schema if is_nested(field.type)][:1]
    hint = ""
    if about:
        kind = schema.field(about[0]).type
        hint = f"; column {about[0]!r} holds {kind}, {_what_images_are(kind)}"
    raise ValueError(
        f"{path} has no column of encoded images, only {_listed(schema)}{hint}. `thinset data "
        "import --image-column NAME` chooses a column of bytes or file names"
    )


def _label_column(schema: Any, features: Mapping[str, str], image: str, path: Path) -> str | None:
    names: list[str] = [name for name in schema.names if name != image]
    known = _first_known(names, LABEL_NAMES)
    declared = [name for name in names if features.get(name) == "ClassLabel"]
    if known is not None:
        return known
    if len(declared) == 1:
        return declared[0]
    if declared:
        raise ValueError(f"{path} has several label columns, {declared}; {_WHAT_TO_DO}")
    if names:
        raise ValueError(
            f"{path} has no column with a usual name of labels ({', '.join(LABEL_NAMES)}), only "
            f"{_listed(schema)}; {_WHAT_TO_DO}"
        )
    return None


def _what_images_are(kind: Any) -> str:
    if is_nested(kind):
        return (
            "not encoded images; save pixel arrays as images.npy and labels.npy and import that "
            "folder"
        )
    return "but images are bytes (JPEG, PNG, ...), {bytes, path} or file names"


def _first_known(names: Sequence[str], known: Sequence[str]) -> str | None:
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(name.lower(), name)
    return next((by_lower[name] for name in known if name in by_lower), None)


def _listed(schema: Any) -> str:
    return ", ".join(f"{field.name} ({plain_type(field.type)})" for field in schema)


def _hub_features(schema: Any, path: Path) -> dict[str, Any]:
    """The type of each column, and under "NAME.names" the names of its classes."""
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None:
        return {}
    try:
        features = json.loads(text)["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: the schema's 'huggingface' entry is damaged: {error}") from error
    if not isinstance(features, dict):
        raise ValueError(f"{path}: the schema's 'huggingface' features must be an object")
    found: dict[str, Any] = {}
    for name, feature in features.items():
        if isinstance(feature, dict):
            found[name] = feature.get("_type")
            if feature.get("_type") == "ClassLabel":
                found[f"{name}.names"] = feature.get("names")
    return found
