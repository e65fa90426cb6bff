"""Images that stay encoded (JPEG, PNG, ...) and are decoded on each access.

What an ordinary training loop over image files does. A dataset folder is decoded once instead.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from thinset.data.provenance import Parent, SelectedFrom
from thinset.data.sources import ReadOptions, open_source
from thinset.data.sources.encoded_image import decode
from thinset.data.sources.image_stream import BATCH_SIZE, require_split
from thinset.data.writer import DatasetWriter
from thinset.files.overlap import require_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.data.sources.image_stream import ImageStream


class EncodedImages:
    """Looks like an array (N, height, width, channels) of uint8; each access decodes.

    `contents` are encoded images or the paths of files, `names` what messages call them.
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
    ) -> None:
        self._names = names
        self._contents = contents
        self._image_shape = image_shape
        self._resize = resize

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self._contents), *self._image_shape)

    @property
    def nbytes(self) -> int:
        """The bytes that all images have when they are decoded."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self._contents)

    def __getitem__(self, rows: int | slice) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Decode one image (height, width, channels), or those of a slice."""
        if isinstance(rows, slice):
            return self.take(np.arange(*rows.indices(len(self))))
        encoded = (self._names[rows], self._contents[rows])
        return decode(encoded, self._image_shape, resize=self._resize)

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


class EncodedDataset:
    """Encoded images and their labels; a stand-in for a Dataset in training. See `open_encoded`.

    Contents of one large file are held in memory as they are, encoded; files of their own are read
    on each access.
    """

    def __init__(self, stream: ImageStream) -> None:
        assert stream.encoded is not None
        samples = list(stream.encoded())
        names = [name for name, _, _ in samples]
        contents = [content for _, content, _ in samples]
        labels = [label for _, _, label in samples]
        self.name = stream.name
        self._path = stream.provenance.path
        self.image_shape = stream.image_shape
        self.class_names = stream.class_names
        self.images = EncodedImages(names, contents, stream.image_shape, resize=stream.resizes)
        self.labels: np.ndarray[Any, np.dtype[np.int64]] | None = (
            None if None in labels else np.array(labels, np.int64)
        )
        # Of this very form since the first version: runs and checkpoints hold fingerprints.
        read = stream.provenance
        origin = {"kind": read.source, "path": read.path, "split": read.split, "size": read.size}
        self._origin = repr((origin, stream.image_shape, len(samples)))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def n_classes(self) -> int:
        """How many class names there are, else the largest label + 1; 0 without labels."""
        if self.class_names is not None:
            return len(self.class_names)
        return 0 if self.labels is None else int(self.labels.max()) + 1

    def write_rows(
        self,
        indices: np.ndarray[Any, np.dtype[np.int64]],
        out: str | os.PathLike[str],
        *,
        overwrite: bool = False,
    ) -> None:
        """Decode the images of these rows, in this order, into the dataset folder `out`.

        Raises ValueError where it would replace the source, FileExistsError as DatasetWriter.
        """
        require_apart(out, self._path)
        with DatasetWriter(
            out,
            name=Path(out).name,
            image_shape=self.image_shape,
            image_dtype="uint8",
            n_samples=len(indices),
            class_names=self.class_names,
            provenance=SelectedFrom(parent=Parent(self.name, len(self), self.fingerprint)),
            overwrite=overwrite,
        ) as writer:
            for start in range(0, len(indices), BATCH_SIZE):
                rows = indices[start : start + BATCH_SIZE]
                labels = None if self.labels is None else self.labels[rows]
                writer.append(self.images.take(rows), labels)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over where the images come from, their number, shape and labels."""
        digest = hashlib.sha256(self._origin.encode())
        if self.labels is not None:
            digest.update(self.labels.tobytes())
        return digest.hexdigest()


def open_encoded(
    source: str | os.PathLike[str], split: str = "train", *, size: tuple[int, int] | None = None
) -> EncodedDataset:
    """Open a source of encoded images (parquet, image folder) without decoding any of them.

    `size` = (height, width) resizes images when they are decoded; images of several sizes are
    resized without it too, as in `import_dataset`. Raises ValueError for a source of another kind
    or without that split, FileNotFoundError where there is none.
    """
    path = os.fspath(source)
    opened = open_source(path, ReadOptions(size=size))
    require_split(split, list(opened.streams), path)
    stream = opened.streams[split]
    if stream.encoded is None:
        kind = stream.provenance.source
        raise ValueError(f"{path} holds no encoded images: it is of the kind {kind!r}")
    return EncodedDataset(stream)
