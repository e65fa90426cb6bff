"""Encoded images that are decoded once and kept, in memory or in files."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from thinset.data.decoded_files import FileStore, bytes_on_disk
from thinset.data.encoded_images import EncodedImages
from thinset.files.byte_sizes import parse_bytes, shown_bytes
from thinset.files.host_memory import available_host_memory

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    Rows = np.ndarray[Any, np.dtype[np.int64]]
    Pixels = np.ndarray[Any, np.dtype[np.uint8]]


class Store(Protocol):
    """Where decoded images are kept."""

    @property
    def images(self) -> Pixels:
        """(N, height, width, channels); rows that are missing hold anything."""

    def missing(self, rows: Rows) -> Rows:
        """Those of `rows` that are not kept yet, each once."""

    def put(self, row: int, pixels: Pixels) -> None:
        """Keep one decoded image."""


class MemoryStore:
    """Decoded images in the memory of this process; a copy in another process begins empty."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        # Not zeros: the system gives memory as it is filled.
        self.images: Pixels = np.empty(shape, np.uint8)
        self._is_kept = np.zeros(len(self.images), np.bool_)

    def missing(self, rows: Rows) -> Rows:
        """See Store."""
        return np.unique(rows[~self._is_kept[rows]])

    def put(self, row: int, pixels: Pixels) -> None:
        """See Store."""
        self.images[row] = pixels
        self._is_kept[row] = True

    def __reduce__(self) -> tuple[type[MemoryStore], tuple[tuple[int, ...]]]:
        return MemoryStore, (self.images.shape,)


class CachedImages(EncodedImages):
    """The same images, each decoded on the first access and kept in `store`."""

    def __init__(self, encoded: EncodedImages, store: Store) -> None:
        vars(self).update(vars(encoded))
        self._store = store

    def __getitem__(self, rows: int | slice) -> Pixels:
        """One image (height, width, channels), or those of a slice."""
        if isinstance(rows, slice):
            return super().__getitem__(rows)
        image: Pixels = self.take(np.array([rows]))[0]
        return image

    def take(
        self,
        indices: np.ndarray[Any, Any],
        axis: Literal[0] = 0,
        out: np.ndarray[Any, Any] | None = None,
        mode: str = "raise",  # noqa: ARG002
    ) -> Pixels:
        """Return the images of these rows; the arguments are those of ndarray.take."""
        rows = _positive(np.asarray(indices), len(self))
        for row in self._store.missing(rows):
            self._store.put(int(row), super().__getitem__(int(row)))
        # "clip" writes straight into `out`; the rows are in range.
        images: Pixels = self._store.images.take(rows, axis=axis, out=out, mode="clip")
        return images


def cached(
    encoded: EncodedImages,
    cache: str | os.PathLike[str],
    max_cache: int | str | None,
    made_of: Callable[[], dict[str, Any]],
) -> CachedImages:
    """The images with a cache in memory or in a folder; see `open_encoded`.

    `made_of` returns what decoded pixels depend on, as plain JSON; files of anything else are
    refused.
    """
    limit = _limit(max_cache)
    in_memory = cache == "memory"
    n_bytes = encoded.nbytes if in_memory else bytes_on_disk(encoded.shape)
    if limit is not None and n_bytes > limit:
        raise ValueError(
            f"{_described(encoded, n_bytes)}, more than max_cache={max_cache!r}; raise max_cache, "
            "or open smaller images with size="
        )
    if in_memory:
        available = available_host_memory()
        if available is not None and n_bytes > available:
            raise ValueError(
                f"{_described(encoded, n_bytes)}, but only {shown_bytes(available)} of memory are "
                "available; cache them in a folder, or open smaller images with size="
            )
        return CachedImages(encoded, MemoryStore(encoded.shape))
    folder = Path(cache).absolute()
    if not folder.exists():
        _require_space(folder, _described(encoded, n_bytes), n_bytes)
    return CachedImages(encoded, FileStore.open(folder, encoded.shape, made_of()))


def _limit(max_cache: int | str | None) -> int | None:
    if max_cache is None:
        return None
    limit = parse_bytes(max_cache)
    if limit is None or not 1 <= limit < 2**63:  # also false for NaN
        raise ValueError(
            f'max_cache must be a number of bytes, or text such as "512MB", got {max_cache!r}'
        )
    return math.floor(limit)


def _described(encoded: EncodedImages, n_bytes: int) -> str:
    height, width, _ = encoded.shape[1:]
    return (
        f"{len(encoded):,} decoded images of {height} x {width} pixels need {shown_bytes(n_bytes)}"
    )


def _require_space(folder: Path, described: str, n_bytes: int) -> None:
    place = next(parent for parent in folder.absolute().parents if parent.exists())
    free = shutil.disk_usage(place).free
    if n_bytes > free:
        raise ValueError(
            f"{described}, but only {shown_bytes(free)} are free in {place}; choose another "
            "folder, or open smaller images with size="
        )


def _positive(rows: np.ndarray[Any, Any], n_total: int) -> Rows:
    """Rows counted from the start; IndexError for rows that do not exist."""
    is_outside = (rows < -n_total) | (rows >= n_total)
    if is_outside.any():
        raise IndexError(f"there are {n_total} images, but row {rows[is_outside][0]} is read")
    return np.where(rows < 0, rows + n_total, rows).astype(np.int64)
