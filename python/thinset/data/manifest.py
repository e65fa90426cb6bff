"""The manifest of a dataset folder: what the folder holds, and where it came from.

The manifest is the last file written, so a folder that has one is complete.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.files.json import read_json, write_json_with_digest

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

FORMAT = "thinset-dataset"
VERSION = 1
MANIFEST_FILE = "manifest.json"
IMAGE_DTYPES = ("uint8", "float32")

_KEYS = frozenset(
    {
        "format",
        "version",
        "name",
        "n_samples",
        "image_shape",
        "class_names",
        "arrays",
        "provenance",
    }
)
_ENTRY_KEYS = frozenset({"file", "dtype", "shape", "sha256"})


@dataclass(frozen=True)
class ArrayEntry:
    """One .npy file of the folder: its name, dtype, shape and the SHA-256 of the whole file.

    Raises ValueError where `file` is not a plain file name, so that a manifest can never point
    outside its folder, and where dtype, shape or digest are not well formed.
    """

    file: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str

    def __post_init__(self) -> None:
        _require_plain_file_name(self.file)
        _require_dtype_name(self.dtype)
        if not all(_is_integer(length) and length >= 0 for length in self.shape):
            raise ValueError(f"array {self.file!r}: shape must hold lengths >= 0, got {self.shape}")
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError(
                f"array {self.file!r}: sha256 must be 64 hexadecimal digits, got {self.sha256!r}"
            )


@dataclass(frozen=True)
class Manifest:
    """What a dataset folder holds.

    `image_shape` is (height, width, channels). `arrays` maps a role ("images", "labels",
    "indices", ...) to its file; "images" must be there: uint8 or float32, (n_samples,
    *image_shape); "labels", where present: int64, (n_samples,). `provenance` is free JSON.
    Raises ValueError naming the field that does not fit the others.
    """

    name: str
    n_samples: int
    image_shape: tuple[int, int, int]
    arrays: Mapping[str, ArrayEntry]
    class_names: tuple[str, ...] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a string, got {self.name!r}")
        if not _is_integer(self.n_samples) or self.n_samples < 1:
            raise ValueError(f"n_samples must be an integer >= 1, got {self.n_samples!r}")
        require_image_shape(self.image_shape)
        if self.class_names is not None and not all(isinstance(n, str) for n in self.class_names):
            raise ValueError(f"class_names must be strings, got {self.class_names!r}")
        self._require_images()
        self._require_labels()

    def _require_images(self) -> None:
        images = self.arrays.get("images")
        if images is None:
            raise ValueError(f"arrays must name 'images', got {sorted(self.arrays)}")
        if images.dtype not in IMAGE_DTYPES:
            raise ValueError(f"images must be one of {IMAGE_DTYPES}, got {images.dtype!r}")
        expected = (self.n_samples, *self.image_shape)
        if images.shape != expected:
            raise ValueError(f"images must have shape {expected}, got {images.shape}")

    def _require_labels(self) -> None:
        labels = self.arrays.get("labels")
        if labels is None:
            return
        if labels.dtype != "int64" or labels.shape != (self.n_samples,):
            raise ValueError(
                f"labels must be int64 of shape ({self.n_samples},), "
                f"got {labels.dtype} of shape {labels.shape}"
            )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Manifest:
        """Read the manifest of `folder`.

        Raises FileNotFoundError where there is none, and ValueError, naming the file, where it has
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
        try:
            return cls._from_dict(content)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def _from_dict(cls, content: Any) -> Manifest:
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f"not a dataset manifest: expected a JSON object of format {FORMAT!r}")
        if content.get("version") != VERSION:
            raise ValueError(f"version must be {VERSION}, got {content.get('version')!r}")
        _require_keys(content, _KEYS, "manifest")
        arrays = _require_type(content["arrays"], dict, "arrays")
        class_names = content["class_names"]
        if class_names is not None:
            class_names = tuple(_require_type(class_names, list, "class_names"))
        return cls(
            name=content["name"],
            n_samples=content["n_samples"],
            image_shape=tuple(_require_type(content["image_shape"], list, "image_shape")),
            arrays={role: _entry_from_dict(role, entry) for role, entry in arrays.items()},
            class_names=class_names,
            provenance=_require_type(content["provenance"], dict, "provenance"),
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write manifest.json into `folder`, atomically; ValueError where provenance has NaN."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "n_samples": self.n_samples,
            "image_shape": self.image_shape,
            "class_names": self.class_names,
            "arrays": {role: asdict(entry) for role, entry in self.arrays.items()},
            "provenance": self.provenance,
        }
        write_json_with_digest(Path(folder) / MANIFEST_FILE, content)


def require_image_shape(shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `shape` is (height, width, channels), each at least 1."""
    if len(shape) != 3 or not all(_is_integer(length) and length >= 1 for length in shape):
        raise ValueError(f"image_shape must be (height, width, channels), each >= 1, got {shape}")


def _entry_from_dict(role: str, content: Any) -> ArrayEntry:
    where = f"arrays.{role}"
    _require_keys(_require_type(content, dict, where), _ENTRY_KEYS, where)
    for key in ("file", "dtype", "sha256"):
        _require_type(content[key], str, f"{where}.{key}")
    shape = tuple(_require_type(content["shape"], list, f"{where}.shape"))
    return ArrayEntry(content["file"], content["dtype"], shape, content["sha256"])


def _require_keys(content: dict[str, Any], expected: frozenset[str], where: str) -> None:
    if content.keys() != expected:
        missing, unknown = sorted(expected - content.keys()), sorted(content.keys() - expected)
        raise ValueError(f"{where}: missing keys {missing}, unknown keys {unknown}")


def _require_type(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{where} must be a JSON {kind.__name__}, got {type(value).__name__}")
    return value


def _require_plain_file_name(file: str) -> None:
    # A plain name has no folder in it on any system; "..", "/x", "a\\b" and "" are all refused.
    if file in ("", ".", "..") or re.search(r"[/\\\x00:]", file):
        raise ValueError(f"array file must be a plain file name in the folder, got {file!r}")


def _require_dtype_name(name: str) -> None:
    # Only what could be a name reaches numpy, whose parser raises errors of several types.
    known = None
    if re.fullmatch(r"[a-z]{1,10}[0-9]{0,3}(\[[0-9a-zA-Z]{1,4}\])?", name):
        with contextlib.suppress(TypeError):
            known = np.dtype(name)
    if known is None or known.name != name or known.hasobject:
        raise ValueError(f"dtype must be the name of a plain numpy dtype, got {name!r}")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
