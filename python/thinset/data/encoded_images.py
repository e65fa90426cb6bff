"""Encoded images (JPEG, PNG, ...) that look like an array; each access decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from thinset.data.sources.encoded_image import decode, is_jpeg_above

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class EncodedImages:
    """Looks like an array (N, height, width, channels) of uint8; each access decodes.

    `contents` are encoded images or the paths of files, `names` what messages call them. `draft`:
    see `decode`.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self,
        names: Sequence[str],
        contents: Sequence[bytes | Path],
        image_shape: tuple[int, int, int],
        *,
        resize: bool,
        draft: bool = False,
    ) -> None:
        self._names = names
        self._contents = contents
        self._image_shape = image_shape
        self._resize = resize
        self._draft = draft

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self._contents), *self._image_shape)

    @property
    def nbytes(self) -> int:
        """The bytes that all images have when they are decoded."""
        return int(np.prod(self.shape))

    def is_jpeg_above(self, row: int, size: tuple[int, int]) -> bool:
        """Whether an image is a JPEG of at least this height and width, by its header."""
        return is_jpeg_above(self._names[row], self._contents[row], size)

    def __len__(self) -> int:
        return len(self._contents)

    def __getitem__(self, rows: int | slice) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Decode one image (height, width, channels), or those of a slice."""
        if isinstance(rows, slice):
            return self.take(np.arange(*rows.indices(len(self))))
        encoded = (self._names[rows], self._contents[rows])
        return decode(encoded, self._image_shape, resize=self._resize, draft=self._draft)

    def take(
        self,
        indices: np.ndarray[Any, Any],
        axis: Literal[0] = 0,  # noqa: ARG002
        out: np.ndarray[Any, Any] | None = None,
        mode: str = "raise",  # noqa: ARG002
    ) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Decode the images of these rows one by one; the arguments are those of ndarray.take."""
        if out is None:
            out = np.empty((len(indices), *self._image_shape), np.uint8)
        for place, row in enumerate(indices):
            out[place] = self[int(row)]
        return out
