"""The manifest of a dataset folder: what the folder holds, and where it came from.

The manifest is the last file written, so a folder that has one is complete. Version 2 is written.
Version 1, which has no schedule and whose provenance is free JSON, is read too.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import msgspec
import numpy as np

from thinset.data.provenance import Provenance, provenance_type
from thinset.data.schedule import TrainingSchedule
from thinset.files.decoding import Count, Digest, Positive, decode
from thinset.files.json import read_json, write_json_with_digest

if TYPE_CHECKING:
    import os

FORMAT = "thinset-dataset"
VERSION = 2
MANIFEST_FILE = "manifest.json"
IMAGE_DTYPES = ("uint8", "float32")

P = TypeVar("P")


class ArrayEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One .npy file of the folder: its name, dtype, shape and the SHA-256 of the whole file.

    Raises ValueError if `file` is not a plain file name, so that a manifest can never point
    outside its folder, and where `dtype` is not the name of a plain dtype.
    """

    file: str
    dtype: str
    shape: tuple[Count, ...]
    sha256: Digest

    def __post_init__(self) -> None:
        require_plain_file_name("array file", self.file)
        _require_dtype_name(self.dtype)


class Manifest(msgspec.Struct, frozen=True):
    """What a dataset folder holds.

    `image_shape` is (height, width, channels). `arrays` maps a role to its file: "images" (uint8
    or float32, (n_samples, *image_shape)) must be there; "labels" (int64, (n_samples,)),
    "soft_labels" (float32, (n_samples, C) for C classes), "indices" and others may be. `schedule`
    says in which steps to train, where the data were distilled. Raises ValueError naming the field
    that does not fit the others.
    """

    name: str
    n_samples: int
    image_shape: tuple[int, int, int]
    arrays: Mapping[str, ArrayEntry]
    class_names: tuple[str, ...] | None = None
    provenance: Provenance = msgspec.field(default_factory=dict)
    schedule: TrainingSchedule | None = None

    def __post_init__(self) -> None:
        if "images" not in self.arrays:
            raise ValueError(f"arrays must have the entry 'images', got {sorted(self.arrays)}")
        self._require("images", IMAGE_DTYPES, tuple(self.image_shape))
        self._require("labels", ("int64",), ())
        soft_labels = self.arrays.get("soft_labels")
        if soft_labels is not None:
            n_given = soft_labels.shape[1] if len(soft_labels.shape) == 2 else 1
            n_classes = max(1, n_given if self.class_names is None else len(self.class_names))
            self._require("soft_labels", ("float32",), (n_classes,))
        if self.schedule is not None:
            self.schedule.require_rows(self.n_samples)

    def _require(self, role: str, dtypes: tuple[str, ...], shape: tuple[int, ...]) -> None:
        """Raise ValueError unless each sample has a row of this shape in the array, if any."""
        entry = self.arrays.get(role)
        if entry is None:
            return
        if entry.dtype not in dtypes:
            raise ValueError(
                f"arrays.{role}.dtype must be {' or '.join(dtypes)}, got {entry.dtype!r}"
            )
        expected = (self.n_samples, *shape)
        if tuple(entry.shape) != expected:
            raise ValueError(
                f"arrays.{role}.shape must be {list(expected)}, got {list(entry.shape)}"
            )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Manifest:
        """Read the manifest of `folder`.

        Raises FileNotFoundError if there is none, and ValueError, naming the file, if it has
        changed since it was written, is of another format or version, or holds a field that does
        not fit.
        """
        path = Path(folder) / MANIFEST_FILE
        try:
            content = read_json(path)
        except FileNotFoundError as error:
            inside = [path.parent for path in sorted(Path(folder).glob(f"*/{MANIFEST_FILE}"))]
            hint = f"; it holds {' and '.join(map(str, inside))}" if inside else ""
            raise FileNotFoundError(
                f"{folder} is not a dataset folder: it has no {MANIFEST_FILE}{hint}"
            ) from error
        return _decoded(content, str(path))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write manifest.json into `folder`, atomically.

        NumPy numbers and arrays become plain ones. Raises ValueError for a field that could not be
        read again, such as NaN in the provenance, and TypeError for what JSON cannot hold.
        """
        write_json_with_digest(Path(folder) / MANIFEST_FILE, self.content())

    def content(self) -> dict[str, Any]:
        """The content of the file; errors as in `save`."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        content = {"format": FORMAT, "version": VERSION, **as_json(fields)}
        _decoded(content, MANIFEST_FILE)
        try:
            json.dumps(content, allow_nan=False)
        except ValueError as error:
            raise ValueError(f"{MANIFEST_FILE}: not all numbers are finite: {error}") from error
        return content


class _Header(msgspec.Struct, frozen=True):
    format: Literal["thinset-dataset"]
    version: Literal[1, 2]


_HEADER = _Header.__struct_fields__


class _Version1(msgspec.Struct, Generic[P], frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of the file, none of them optional."""

    format: str
    version: int
    name: str
    n_samples: Positive
    image_shape: tuple[Positive, Positive, Positive]
    class_names: tuple[str, ...] | None
    arrays: dict[str, ArrayEntry]
    provenance: P


class _Version2(_Version1[P], Generic[P], frozen=True, forbid_unknown_fields=True, kw_only=True):
    schedule: TrainingSchedule | None


def _decoded(content: Any, where: str) -> Manifest:
    is_table = isinstance(content, dict)
    start = {name: content[name] for name in _HEADER if name in content} if is_table else content
    header = decode(start, _Header, where)
    stored: Any
    if header.version == 1:
        stored = decode(content, _Version1[dict[str, Any]], where)
    else:
        kind = provenance_type(content.get("provenance"))
        stored = decode(content, _Version2[kind], where)  # type: ignore[valid-type]
    names = (name for name in Manifest.__struct_fields__ if hasattr(stored, name))
    try:
        return Manifest(**{name: getattr(stored, name) for name in names})
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def as_json(content: Any) -> Any:
    """Plain JSON content, with the values of numpy as numbers and lists."""

    def plain(value: object) -> Any:
        if isinstance(value, (np.generic, np.ndarray)):
            return value.tolist()
        raise TypeError(f"a manifest cannot hold {type(value).__name__} objects, got {value!r}")

    return msgspec.to_builtins(content, enc_hook=plain, str_keys=True)


def require_plain_file_name(what: str, name: str) -> None:
    """Raise ValueError, calling it `what`, for "" and for a name with a folder in it.

    On any system: "..", "x/y", a drive's letter and a backslash are all refused.
    """
    if name in ("", ".", "..") or re.search(r"[/\\\x00:]", name):
        raise ValueError(f"{what} must be a plain file name in the folder, got {name!r}")


def _require_dtype_name(name: str) -> None:
    # Only what could be a name reaches numpy, whose parser raises errors of several types.
    known = None
    if re.fullmatch(r"[a-z]{1,10}[0-9]{0,3}(\[[0-9a-zA-Z]{1,4}\])?", name):
        with contextlib.suppress(TypeError):
            known = np.dtype(name)
    if known is None or known.name != name or known.hasobject:
        raise ValueError(f"dtype must be the name of a plain numpy dtype, got {name!r}")
