"""MNIST and its look-alikes in the IDX format of LeCun, Cortes and Burges.

An IDX file starts with big-endian 32-bit numbers: a magic (2051 for images, 2049 for labels) and
the length of every dimension; then come the bytes.
"""

from __future__ import annotations

import gzip
import math
import string
import struct
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

from thinset.data.provenance import ImportedFrom
from thinset.data.sources.encoded_image import resized
from thinset.data.sources.image_stream import BATCH_SIZE, ImageStream, Opened
from thinset.data.sources.input_files import require_input_file
from thinset.data.sources.listing import count, first_of
from thinset.data.sources.mnist_files import IdxFiles, find_idx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.data.sources.image_stream import Batch, ReadOptions

_IMAGES_MAGIC = 2051
_LABELS_MAGIC = 2049
_EXTENDED_LABELS_MAGIC = 3074
# Deflate cannot compress by more than this, so that a header can be checked against a .gz's size.
_LARGEST_GZIP_RATIO = 1032

_DIGITS = tuple(string.digits)
_EMNIST_CLASSES = {
    "emnist-balanced": (*_DIGITS, *string.ascii_uppercase, *"abdefghnqrt"),
    "emnist-byclass": (*_DIGITS, *string.ascii_uppercase, *string.ascii_lowercase),
    "emnist-bymerge": (*_DIGITS, *string.ascii_uppercase, *"abdefghnqrt"),
    "emnist-digits": _DIGITS,
    "emnist-letters": tuple(string.ascii_lowercase),
    "emnist-mnist": _DIGITS,
}
_FIRST_LABEL = {"emnist-letters": 1}


class Mnist:
    """IDX files under MNIST's names, in a folder or up to three folders deeper, .gz or not.

    train-images-idx3-ubyte and train-images.idx3-ubyte, with a prefix for look-alikes. Images of
    EMNIST, which its files hold transposed, are turned upright; its letters are classes 0 to 25.
    Where a folder has several datasets, give the images file of one.
    """

    name = "mnist"
    summary = "a folder with MNIST's or EMNIST's IDX files (*-ubyte or *-ubyte.gz), or one of them"

    def recognises(self, path: str) -> bool:
        """Whether there are images under one of the official names."""
        files = find_idx(path)
        return files is not None and bool(files.splits)

    def open(self, path: str, options: ReadOptions) -> Opened:
        """Open the splits that are there; ValueError names the file whose header is wrong."""
        files = find_idx(path)
        if files is None or "train" not in files.splits:
            raise ValueError(f"{path} has no training images under MNIST's file names")
        for split, part in files.parts:
            require_input_file(files.parts[split, part])
            files.require(split, "images" if part == "labels" else "labels")
        streams = {
            split: resized(_stream(files, split, path), options.size) for split in files.splits
        }
        notes = []
        if files.others:
            n_others = count(len(files.others), "other IDX file")
            notes.append(f"left out {n_others}: {first_of(files.others)}")
        if files.name or files.folder.resolve() != _folder_of(path):
            notes.append(f"read {files.name or 'the IDX files'} in {files.folder}")
        if files.name in _EMNIST_CLASSES:
            notes.append("EMNIST's images are transposed in its files: turned upright")
        if files.name in _FIRST_LABEL:
            notes.append('labels 1 to 26 become classes 0 to 25, "a" to "z"')
        return Opened(streams, tuple(notes))


def _folder_of(path: str) -> Path:
    root = Path(path).resolve()
    return root if root.is_dir() else root.parent


def _stream(files: IdxFiles, split: str, path: str) -> ImageStream:
    images, labels = files.require(split, "images"), files.require(split, "labels")
    n_samples, height, width = _read_header(images, _IMAGES_MAGIC, n_dimensions=3)
    (n_labels,) = _read_header(labels, _LABELS_MAGIC, n_dimensions=1)
    if n_labels != n_samples:
        raise ValueError(f"{labels} has {n_labels} labels, but {images} has {n_samples} images")
    is_transposed = files.name in _EMNIST_CLASSES
    first_label = _FIRST_LABEL.get(files.name, 0)

    def batches() -> Iterator[Batch]:
        for pixels, row_labels in _batches(images, labels, (n_samples, height, width)):
            upright = pixels.transpose(0, 2, 1, 3) if is_transposed else pixels
            yield np.ascontiguousarray(upright), row_labels.astype(np.int64) - first_label

    return ImageStream(
        name=files.name or "mnist",
        n_samples=n_samples,
        image_shape=(width, height, 1) if is_transposed else (height, width, 1),
        batches=batches,
        class_names=_EMNIST_CLASSES.get(files.name) if files.name else _DIGITS,
        provenance=ImportedFrom(source=Mnist.name, path=path, split=split),
    )


def _read_header(path: Path, magic: int, *, n_dimensions: int) -> tuple[int, ...]:
    n_bytes = 4 * (1 + n_dimensions)
    with _open_idx(path) as file:
        header = _read(file, path, n_bytes)
    if len(header) < n_bytes:
        raise ValueError(f"{path} is truncated within its header of {n_bytes} bytes")
    actual, *shape = struct.unpack(f">{1 + n_dimensions}I", header)
    if actual == _EXTENDED_LABELS_MAGIC and magic == _LABELS_MAGIC:
        raise ValueError(
            f"{path} has QMNIST's extended labels of 8 columns; only class labels (idx1-ubyte) are "
            "read. Convert it with torchvision.datasets.QMNIST(compat=True) and import_map_style"
        )
    if actual != magic:
        raise ValueError(f"{path} must start with the IDX magic {magic}, got {actual}")
    if min(shape) < 1:
        raise ValueError(
            f"{path} has the shape {tuple(shape)} in its header; each length must be >= 1"
        )
    _require_room(path, n_bytes + math.prod(shape), tuple(shape))
    return tuple(shape)


def _require_room(path: Path, n_claimed: int, shape: tuple[int, ...]) -> None:
    n_bytes = path.stat().st_size
    possible = n_bytes * _LARGEST_GZIP_RATIO if path.suffix == ".gz" else n_bytes
    if n_claimed > possible:
        raise ValueError(
            f"{path} has the shape {shape} in its header, {n_claimed} bytes, but can hold at most "
            f"{possible}"
        )


def _batches(
    images: Path, labels: Path, shape: tuple[int, int, int]
) -> Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
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
                raise ValueError(f"{path} has trailing data after {n_samples} rows")


def _open_idx(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else open(path, "rb")


def _read(file: IO[bytes], path: Path, n_bytes: int) -> bytes:
    try:
        return file.read(n_bytes)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged or no gzip file: {error}") from error


def _read_exactly(file: IO[bytes], path: Path, n_bytes: int, first_row: int) -> bytes:
    content = _read(file, path, n_bytes)
    if len(content) < n_bytes:
        raise ValueError(f"{path} is truncated within the batch that starts at row {first_row}")
    return content
