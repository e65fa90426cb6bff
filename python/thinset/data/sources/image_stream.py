"""What a source gives: images and labels in batches, with what is known about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from thinset.data.provenance import ImportedFrom

    Batch = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]
    EncodedSample = tuple[str, bytes | Path, int | None]
    """What messages call the image, its content or its file, and its label."""

BATCH_SIZE = 512
"""Samples per batch of a stream: large enough for the disk, small enough for large images."""


@dataclass(frozen=True)
class ImageStream:
    """One split of a source, not yet read.

    Iterating gives batches, in order: images (B, height, width, channels) of `image_dtype` in C
    order and labels (B,) integers, or None throughout. `image_shape` is (height, width, channels);
    `provenance` says what was read. `encoded`, where the source holds encoded images: gives each
    one's name, its content or its file, and its label; `resizes` tells whether decoding resizes
    them.
    Iterating raises ValueError or OSError, naming the file, if the source is damaged.
    """

    name: str
    n_samples: int
    image_shape: tuple[int, int, int]
    batches: Callable[[], Iterator[Batch]]
    provenance: ImportedFrom
    image_dtype: str = "uint8"
    class_names: tuple[str, ...] | None = None
    encoded: Callable[[], Iterator[EncodedSample]] | None = None
    resizes: bool = False

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()


@dataclass(frozen=True)
class ReadOptions:
    """How to read a source, where the caller does not leave it to the source.

    Attributes:
        size: (height, width) of all images.
        image_column: name of the parquet column of the images.
        label_column: name of that of the labels.
        with_labels: False to read the images alone.
        skip_unreadable: leave out images that are damaged or missing instead of refusing the
            source.
    """

    size: tuple[int, int] | None = None
    image_column: str | None = None
    label_column: str | None = None
    with_labels: bool = True
    skip_unreadable: bool = False


@dataclass(frozen=True)
class Opened:
    """The splits of a source, and what there is to say about reading them.

    `streams` has "train", then "test" and "validation" as far as the source has them. `notes`: one
    sentence each on what was taken for what, left out or converted.
    """

    streams: Mapping[str, ImageStream]
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """A kind of place that images come from."""

    @property
    def name(self) -> str:
        """The kind's name, as given to `import_dataset`."""

    @property
    def summary(self) -> str:
        """What the kind is, in one line."""

    def recognises(self, path: str) -> bool:
        """Whether `path` looks like this kind; looks at names, not into files."""

    def open(self, path: str, options: ReadOptions) -> Opened:
        """Open all splits, without reading more than is needed to describe them.

        Raises ValueError for content that is not as it must be, naming the file, and
        FileNotFoundError if a file is missing.
        """


def require_split(split: str, available: Sequence[str], path: str) -> None:
    """Raise ValueError unless `split` is one of those that `path` has."""
    if split not in available:
        raise ValueError(f"{path} has the splits {list(available)}, got {split!r}")


def array_batches(
    images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any] | None
) -> Iterator[Batch]:
    """Batches of arrays in memory or mapped from files."""
    for start in range(0, len(images), BATCH_SIZE):
        rows = slice(start, start + BATCH_SIZE)
        yield np.ascontiguousarray(images[rows]), None if labels is None else labels[rows]
