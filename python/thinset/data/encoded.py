"""Images that stay encoded (JPEG, PNG, ...) and are decoded on each access, or once with a cache.

What an ordinary training loop over image files does. A dataset folder is decoded once instead.
"""

from __future__ import annotations

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

_JPEG_NAMES = (".jpg", ".jpeg", ".jpe", ".jfif")
_JPEG_START = b"\xff\xd8\xff"


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
        if draft:
            _require_draft_matters(stream, contents)
        self.images = EncodedImages(
            names, contents, stream.image_shape, resize=stream.resizes, draft=draft
        )
        if cache is not None:
            made_of = {
                "resize": stream.resizes,
                "draft": draft,
                "decoder": decoder(),
                "source": _digest(contents),
            }
            self.images = cached(self.images, cache, max_cache, made_of)
        self.labels: np.ndarray[Any, np.dtype[np.int64]] | None = (
            None if None in labels else np.array(labels, np.int64)
        )
        # Of this very form since the first version: runs and checkpoints hold fingerprints.
        read = stream.provenance
        origin = {"kind": read.source, "path": read.path, "split": read.split, "size": read.size}
        described = (origin, stream.image_shape, len(samples))
        self._origin = repr((*described, "draft") if draft else described)

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
    FileExistsError where the folder holds something else.
    """
    path = os.fspath(source)
    if not isinstance(draft, bool):
        raise ValueError(f"draft must be True or False, got {draft!r}")
    _require_cache(cache)
    if cache is None and max_cache is not None:
        raise ValueError(f"max_cache needs cache, got max_cache={max_cache!r} without one")
    opened = open_source(path, ReadOptions(size=size))
    require_split(split, list(opened.streams), path)
    stream = opened.streams[split]
    if stream.encoded is None:
        kind = stream.provenance.source
        raise ValueError(f"{path} holds no encoded images: it is of the kind {kind!r}")
    if cache is not None and cache != "memory":
        require_apart(cache, path)
        require_not_inside(cache, path)
    return EncodedDataset(stream, draft=draft, cache=cache, max_cache=max_cache)


def _require_cache(cache: object) -> None:
    if cache is not None and (not isinstance(cache, str | os.PathLike) or not os.fspath(cache)):
        raise ValueError(f'cache must be "memory" or a folder, got {cache!r}')


def _require_draft_matters(stream: ImageStream, contents: Sequence[bytes | Path]) -> None:
    path = stream.provenance.path
    if not stream.resizes:
        raise ValueError(
            f"draft=True changes nothing: the images of {path} are not resized; pass a smaller "
            "size= as well"
        )
    if not any(
        content.startswith(_JPEG_START)
        if isinstance(content, bytes)
        else content.suffix.lower() in _JPEG_NAMES
        for content in contents
    ):
        raise ValueError(f"draft=True changes nothing: {path} holds no JPEG images")


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
