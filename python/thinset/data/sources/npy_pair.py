"""images.npy and labels.npy, as NumPy saves them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.manifest import IMAGE_DTYPES
from thinset.data.npy_file import open_npy
from thinset.data.sources.encoded_image import resized
from thinset.data.sources.image_stream import ImageStream, array_batches, require_split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.data.sources.image_stream import Batch

_IMAGES = "images.npy"
_LABELS = "labels.npy"


class NpyPair:
    """A folder with images.npy and, where there are labels, labels.npy.

    Either directly (then it is the training split) or in folders train/ and test/. Images are
    (N, height, width, channels) or (N, height, width), uint8 or finite float32 in C order; labels
    (N,) integers. The arrays are mapped, so they may be larger than memory.
    """

    name = "npy"
    summary = "a folder with images.npy and labels.npy, or train/ and test/ folders of these"

    def recognises(self, path: str) -> bool:
        """Whether there is an images.npy where one is looked for."""
        return bool(self.splits(path))

    def splits(self, path: str) -> tuple[str, ...]:
        """The splits that are there."""
        if (Path(path) / _IMAGES).is_file():
            return ("train",)
        return tuple(s for s in ("train", "test") if (Path(path) / s / _IMAGES).is_file())

    def open(self, path: str, split: str, size: tuple[int, int] | None = None) -> ImageStream:
        """Open one split; ValueError names the file that does not hold up."""
        require_split(split, self.splits(path), path)
        folder = Path(path) if (Path(path) / _IMAGES).is_file() else Path(path) / split
        images = _open_images(folder / _IMAGES)
        labels_file = folder / _LABELS
        labels = open_npy(labels_file) if labels_file.is_file() else None
        if labels is not None and labels.shape != (len(images),):
            raise ValueError(
                f"{labels_file} must have shape ({len(images)},) to go with {_IMAGES}, "
                f"got {labels.shape}"
            )
        height, width, channels = images.shape[1:]
        stream = ImageStream(
            name=Path(path).resolve().name,
            n_samples=len(images),
            image_shape=(height, width, channels),
            batches=lambda: _finite_batches(images, labels, folder / _IMAGES),
            image_dtype=images.dtype.name,
            provenance={"kind": self.name, "path": path, "split": split},
        )
        return resized(stream, size)


def _open_images(path: Path) -> np.ndarray[Any, Any]:
    images = open_npy(path)
    if images.ndim not in (3, 4) or images.dtype.name not in IMAGE_DTYPES:
        raise ValueError(
            f"{path} must be one of {IMAGE_DTYPES} of shape (N, height, width[, channels]), "
            f"got {images.dtype} of shape {images.shape}"
        )
    return images if images.ndim == 4 else images[..., np.newaxis]


def _finite_batches(
    images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any] | None, path: Path
) -> Iterator[Batch]:
    first_row = 0
    for rows, row_labels in array_batches(images, labels):
        finite = np.isfinite(rows).all(axis=(1, 2, 3))
        if not finite.all():
            row = first_row + int(finite.argmin())
            raise ValueError(f"{path} must be finite, got NaN or infinity in row {row}")
        first_row += len(rows)
        yield rows, row_labels
