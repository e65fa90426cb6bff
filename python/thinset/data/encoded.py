"""Images that stay encoded (JPEG, PNG, ...) and are decoded on each access, or once with a cache.

What an ordinary training loop over image files does. A dataset folder is decoded once instead.
"""

from __future__ import annotations

import copy
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.decoded_cache import cached
from thinset.data.encoded_images import EncodedImages
from thinset.data.provenance import Parent, SelectedFrom
from thinset.data.sources import ReadOptions, open_source
from thinset.data.sources.encoded_image import decoder
from thinset.data.sources.image_stream import BATCH_SIZE, require_split
from thinset.data.writer import DatasetWriter
from thinset.files.overlap import require_apart, require_not_inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.data.sources.image_stream import ImageStream

_N_LOOKED_AT = 64
"""About how many images are looked at to see whether drafts matter"""


class EncodedDataset:
    """Encoded images and their labels; a stand-in for a Dataset in training. See `open_encoded`.

    Contents of one large file are held in memory as they are, encoded; files of their own are read
    on each access. The arguments are those of `open_encoded`.
    """

    def __init__(
        self,
        stream: ImageStream,
        *,
        draft: bool = False,
        cache: str | os.PathLike[str] | None = None,
        max_cache: int | str | None = None,
    ) -> None:
        assert stream.encoded is not None
        samples = list(stream.encoded())
        names = [name for name, _, _ in samples]
        contents = [content for _, content, _ in samples]
        labels = [label for _, _, label in samples]
        self.name = stream.name
        self._path = stream.provenance.path
        self.image_shape = stream.image_shape
        self.class_names = stream.class_names
        self._resizes = stream.resizes
        self._names, self._contents = names, contents
        self._draft = draft
        self.images = self._decoded_by(cache, max_cache)
        self.labels: np.ndarray[Any, np.dtype[np.int64]] | None = (
            None if None in labels else np.array(labels, np.int64)
        )
        # Of this very form since the first version: runs and checkpoints hold fingerprints.
        read = stream.provenance
        origin = {"kind": read.source, "path": read.path, "split": read.split, "size": read.size}
        self._origin = (origin, stream.image_shape, len(samples))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def n_classes(self) -> int:
        """How many class names there are, else the largest label + 1; 0 without labels."""
        if self.class_names is not None:
            return len(self.class_names)
        return 0 if self.labels is None else int(self.labels.max()) + 1

    def decoded_otherwise(
        self,
        *,
        draft: bool = False,
        cache: str | os.PathLike[str] | None = None,
        max_cache: int | str | None = None,
    ) -> EncodedDataset:
        """The same images with other ways to decode them; see `open_encoded`."""
        _require_options(self._path, draft, cache, max_cache)
        other = copy.copy(self)
        other._draft = draft  # noqa: SLF001 - of the same class
        other.images = other._decoded_by(cache, max_cache)  # noqa: SLF001
        return other

    def _decoded_by(
        self, cache: str | os.PathLike[str] | None, max_cache: int | str | None
    ) -> EncodedImages:
        contents, resizes, draft = self._contents, self._resizes, self._draft
        images = EncodedImages(self._names, contents, self.image_shape, resize=resizes, draft=draft)
        if draft:
            _require_draft_matters(images, self._path or self.name, resizes=resizes)
        if cache is None:
            return images

        def made_of() -> dict[str, Any]:
            source = _digest(contents)
            return {"resize": resizes, "draft": draft, "decoder": decoder(), "source": source}

        return cached(images, cache, max_cache, made_of)

    def write_rows(
        self,
        indices: np.ndarray[Any, np.dtype[np.int64]],
        out: str | os.PathLike[str],
        *,
        overwrite: bool = False,
    ) -> None:
        """Decode the images of these rows, in this order, into the dataset folder `out`.

        Raises ValueError if it would replace the source, FileExistsError as DatasetWriter.
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
        origin = (*self._origin, "draft") if self._draft else self._origin
        digest = hashlib.sha256(repr(origin).encode())
        if self.labels is not None:
            digest.update(self.labels.tobytes())
        return digest.hexdigest()


def open_encoded(
    source: str | os.PathLike[str],
    split: str = "train",
    *,
    size: tuple[int, int] | None = None,
    draft: bool = False,
    cache: str | os.PathLike[str] | None = None,
    max_cache: int | str | None = None,
) -> EncodedDataset:
    """Open a source of encoded images (parquet, image folder) without decoding any of them.

    `size` = (height, width) resizes images when they are decoded; images of several sizes are
    resized without it too, as in `import_dataset`.

    `draft` decodes JPEG images that become smaller at a half, a quarter or an eighth of their size
    if that is large enough. That is several times as fast; the pixels differ slightly, so the
    fingerprint of the dataset is another one.

    `cache` keeps every decoded image, so that each is decoded once. "memory": in the memory of this
    process. A path: in a folder of that name, mapped into memory, which other processes and later
    runs use too. The folder is bound to the source, the size, `draft` and the version of Pillow;
    anything else is refused. Images in files of their own are told apart by name, size and time of
    change, those within parquet by their content. Pixels and fingerprint are those without a cache.
    `max_cache`: the most that all decoded images may take, in bytes or as text such as "2GB"; by
    default what is free.

    Raises ValueError for a source of another kind or without that split, FileNotFoundError where
    there is none. Also ValueError for `draft` where it would change nothing, for a cache that is
    too large, of other images, or inside the source, and for `max_cache` without a cache;
    FileExistsError if the folder holds something else.
    """
    path = os.fspath(source)
    _require_options(path, draft, cache, max_cache)
    opened = open_source(path, ReadOptions(size=size))
    require_split(split, list(opened.streams), path)
    stream = opened.streams[split]
    if stream.encoded is None:
        kind = stream.provenance.source
        raise ValueError(
            f"{path} holds no encoded images: it is of the kind {kind!r}, whose images need no "
            "decoding; only folders of image files and parquet files can be decoded in the loop"
        )
    return EncodedDataset(stream, draft=draft, cache=cache, max_cache=max_cache)


def _require_options(path: str | None, draft: object, cache: object, max_cache: object) -> None:
    if not isinstance(draft, bool):
        raise ValueError(f"draft must be True or False, got {draft!r}")
    if cache is None:
        if max_cache is not None:
            raise ValueError(f"max_cache needs cache, got max_cache={max_cache!r} without one")
        return
    if not isinstance(cache, str | os.PathLike) or not os.fspath(cache):
        raise ValueError(f'cache must be "memory" or a folder, got {cache!r}')
    if cache != "memory" and path is not None:
        require_apart(cache, path)
        require_not_inside(cache, path)


def _require_draft_matters(encoded: EncodedImages, path: str, *, resizes: bool) -> None:
    if not resizes:
        raise ValueError(
            f"draft=True changes nothing: the images of {path} are not resized; pass a smaller "
            "size= as well"
        )
    height, width = encoded.shape[1:3]
    rows = range(0, len(encoded), max(1, len(encoded) // _N_LOOKED_AT))
    if not any(encoded.is_jpeg_above(row, (2 * height, 2 * width)) for row in rows):
        raise ValueError(
            f"draft=True changes nothing: none of {len(rows)} images of {path} is a JPEG of at "
            f"least twice the size {height} x {width}"
        )


def _digest(contents: Sequence[bytes | Path]) -> str:
    """SHA-256 over encoded images; over name, size and time of change of those in files."""
    digest = hashlib.sha256()
    for content in contents:
        if isinstance(content, bytes):
            digest.update(len(content).to_bytes(8, "little"))
            digest.update(content)
        else:
            status = content.stat()
            digest.update(repr((content.name, status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()
