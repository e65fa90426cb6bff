"""Decoded images in a folder that several processes fill and read.

    images.npy      (N, height, width, channels) uint8; an image that is not decoded yet is 0
    checksums.npy   (N,) uint64: 1 + CRC-32 of the image's pixels, or 0 before they are complete
    cache.json      what the pixels depend on; another source or decoder is refused

The folder appears complete, with its space reserved. An image counts only if its checksum matches,
so that neither a killed process, nor a crash of the machine, nor two writers of one image can give
wrong pixels. Pixels are written by system calls, because a full disk kills a process that writes
through a map.
"""

from __future__ import annotations

import contextlib
import math
import os
import weakref
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.npy_file import open_npy, write_zeros
from thinset.files.atomic import atomic_folder
from thinset.files.json import read_json, write_json_with_digest

if TYPE_CHECKING:
    from pathlib import Path

    Rows = np.ndarray[Any, np.dtype[np.int64]]
    Pixels = np.ndarray[Any, np.dtype[np.uint8]]

_FORMAT = {"format": "thinset-decoded-images", "version": 1}
_IMAGES, _CHECKSUMS, _DESCRIPTION = "images.npy", "checksums.npy", "cache.json"


class FileStore:
    """A Store in the files of a folder; see thinset.data.decoded_cache."""

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self._folder = folder
        self._shape = shape
        self.images = _mapped(folder / _IMAGES, "uint8", shape)
        self._checksums = _mapped(folder / _CHECKSUMS, "uint64", shape[:1])
        self._is_kept = np.zeros(shape[0], np.bool_)  # as far as this process has looked
        self._descriptors = tuple(
            os.open(folder / name, os.O_WRONLY | os.O_CLOEXEC) for name in (_IMAGES, _CHECKSUMS)
        )
        weakref.finalize(self, _close, self._descriptors)

    @classmethod
    def open(cls, folder: Path, shape: tuple[int, ...], made_of: dict[str, Any]) -> FileStore:
        """The store in `folder`, which is made unless it exists.

        Raises ValueError if it is of other images, FileExistsError if `folder` is something else.
        """
        here = {**_FORMAT, "shape": list(shape), **made_of}
        if not (folder / _DESCRIPTION).exists():
            _make(folder, shape, here)
        _require_same(folder, here)
        return cls(folder, shape)

    def missing(self, rows: Rows) -> Rows:
        """See Store."""
        unknown = np.unique(rows[~self._is_kept[rows]])
        is_whole = [int(self._checksums[row]) == _checksum(self.images[row]) for row in unknown]
        self._is_kept[unknown[is_whole]] = True
        return unknown[np.logical_not(is_whole)]

    def put(self, row: int, pixels: Pixels) -> None:
        """See Store; the checksum is written last."""
        pixels = np.ascontiguousarray(pixels)
        checksum = np.array([_checksum(pixels)], np.uint64)
        self._write(0, pixels, self.images.offset + row * pixels.nbytes)
        self._write(1, checksum, self._checksums.offset + row * checksum.nbytes)
        self._is_kept[row] = True

    def _write(self, file: int, content: np.ndarray[Any, Any], offset: int) -> None:
        rest = content.reshape(-1).view(np.uint8).data
        while rest:
            try:
                n_written = os.pwrite(self._descriptors[file], rest, offset)
            except OSError as error:
                error.filename = os.fspath(self._folder)
                raise
            rest, offset = rest[n_written:], offset + n_written

    def __reduce__(self) -> tuple[type[FileStore], tuple[Path, tuple[int, ...]]]:
        return FileStore, (self._folder, self._shape)


def bytes_on_disk(shape: tuple[int, ...]) -> int:
    """The bytes of the files of a store."""
    return math.prod(shape) + 8 * shape[0] + 2 * 128


def _make(folder: Path, shape: tuple[int, ...], description: dict[str, Any]) -> None:
    try:
        # An empty folder is replaced, anything else refused.
        with atomic_folder(folder, overwrite=True) as partial:
            write_zeros(partial / _IMAGES, "uint8", shape)
            write_zeros(partial / _CHECKSUMS, "uint64", shape[:1])
            write_json_with_digest(partial / _DESCRIPTION, description)
    except FileExistsError:
        # Another process may have made it meanwhile.
        if not (folder / _DESCRIPTION).exists():
            raise


def _require_same(folder: Path, here: dict[str, Any]) -> None:
    there = read_json(folder / _DESCRIPTION)
    if not isinstance(there, dict):
        raise ValueError(f"{folder / _DESCRIPTION} is not the description of a cache")
    names = [name for name in here if there.get(name) != here[name]]
    if names:
        differences = "; ".join(
            f"{name} is {there.get(name)!r} there and {here[name]!r} here" for name in names
        )
        raise ValueError(
            f"{folder} caches other images, or the source has changed since: {differences}. "
            "Remove the folder or choose another"
        )


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    array = open_npy(path)
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(
            f"{path} must be {dtype} of shape {shape}, got {array.dtype} of shape {array.shape}; "
            f"remove the folder {path.parent}"
        )
    return array


def _checksum(pixels: Pixels) -> int:
    return 1 + zlib.crc32(pixels.data)


def _close(descriptors: tuple[int, ...]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
