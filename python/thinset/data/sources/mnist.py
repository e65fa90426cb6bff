"""MNIST and its look-alikes in the IDX format of LeCun, Cortes and Burges.

An IDX file starts with big-endian 32-bit numbers: a magic (2051 for images, 2049 for labels) and
the length of every dimension; then come the bytes.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import numpy as np

from thinset.data.sources.encoded_image import resized
from thinset.data.sources.image_stream import BATCH_SIZE, ImageStream, require_split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.data.sources.image_stream import Batch

_PREFIXES = {"train": "train", "test": "t10k"}
_IMAGES = "images-idx3-ubyte"
_LABELS = "labels-idx1-ubyte"
_IMAGES_MAGIC = 2051
_LABELS_MAGIC = 2049
# Deflate cannot compress by more than this, so that a header can be checked against a .gz's size.
_LARGEST_GZIP_RATIO = 1032


class Mnist:
    """A folder with the four official files, gzip-compressed or not."""

    name = "mnist"
    summary = "a folder with MNIST's official IDX files (*-ubyte or *-ubyte.gz)"

    def recognises(self, path: str) -> bool:
        """Whether the training images are there under their official name."""
        return _find(path, "train", _IMAGES) is not None

    def splits(self, path: str) -> tuple[str, ...]:
        """The splits whose images are there."""
        return tuple(split for split in _PREFIXES if _find(path, split, _IMAGES))

    def open(self, path: str, split: str, size: tuple[int, int] | None = None) -> ImageStream:
        """Open one split; ValueError names the file whose header does not hold up."""
        require_split(split, self.splits(path), path)
        images, labels = _require(path, split, _IMAGES), _require(path, split, _LABELS)
        n_samples, height, width = _read_header(images, _IMAGES_MAGIC, n_dimensions=3)
        (n_labels,) = _read_header(labels, _LABELS_MAGIC, n_dimensions=1)
        if n_labels != n_samples:
            raise ValueError(f"{labels} has {n_labels} labels, but {images} has {n_samples} images")
        stream = ImageStream(
            name=self.name,
            n_samples=n_samples,
            image_shape=(height, width, 1),
            batches=lambda: _batches(images, labels, (n_samples, height, width)),
            class_names=tuple("0123456789"),
            provenance={"kind": self.name, "path": path, "split": split},
        )
        return resized(stream, size)


def _find(path: str, split: str, part: str) -> Path | None:
    name = f"{_PREFIXES[split]}-{part}"
    candidates = (Path(path) / name, Path(path) / f"{name}.gz")
    return next((file for file in candidates if file.is_file()), None)


def _require(path: str, split: str, part: str) -> Path:
    file = _find(path, split, part)
    if file is None:
        raise FileNotFoundError(f"{path} has no {_PREFIXES[split]}-{part} or .gz of it")
    return file


def _read_header(path: Path, magic: int, *, n_dimensions: int) -> tuple[int, ...]:
    n_bytes = 4 * (1 + n_dimensions)
    with _open_idx(path) as file:
        header = _read(file, path, n_bytes)
    if len(header) < n_bytes:
        raise ValueError(f"{path} ends within its header of {n_bytes} bytes")
    actual, *shape = struct.unpack(f">{1 + n_dimensions}I", header)
    if actual != magic:
        raise ValueError(f"{path} must start with the IDX magic {magic}, got {actual}")
    if min(shape) < 1:
        raise ValueError(f"{path} claims the shape {tuple(shape)}; each length must be >= 1")
    _require_room(path, n_bytes + math.prod(shape), tuple(shape))
    return tuple(shape)


def _require_room(path: Path, n_claimed: int, shape: tuple[int, ...]) -> None:
    n_bytes = path.stat().st_size
    possible = n_bytes * _LARGEST_GZIP_RATIO if path.suffix == ".gz" else n_bytes
    if n_claimed > possible:
        raise ValueError(
            f"{path} claims the shape {shape}, {n_claimed} bytes, but can hold at most {possible}"
        )


def _batches(images: Path, labels: Path, shape: tuple[int, int, int]) -> Iterator[Batch]:
    n_samples, height, width = shape
    with _open_idx(images) as image_file, _open_idx(labels) as label_file:
        _read(image_file, images, 16)
        _read(label_file, labels, 8)
        for start in range(0, n_samples, BATCH_SIZE):
            n_rows = min(BATCH_SIZE, n_samples - start)
            pixels = _read_exactly(image_file, images, n_rows * height * width, start)
            yield (
                np.frombuffer(pixels, np.uint8).reshape(n_rows, height, width, 1),
                np.frombuffer(_read_exactly(label_file, labels, n_rows, start), np.uint8),
            )
        for file, path in ((image_file, images), (label_file, labels)):
            if _read(file, path, 1):
                raise ValueError(f"{path} goes on after the {n_samples} rows that it claims")


def _open_idx(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else open(path, "rb")


def _read(file: IO[bytes], path: Path, n_bytes: int) -> bytes:
    try:
        return file.read(n_bytes)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}") from error


def _read_exactly(file: IO[bytes], path: Path, n_bytes: int, first_row: int) -> bytes:
    content = _read(file, path, n_bytes)
    if len(content) < n_bytes:
        raise ValueError(f"{path} ends early, within the batch that starts at row {first_row}")
    return content
