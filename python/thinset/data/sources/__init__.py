"""Where images come from: one file per kind, and the way from any of them to dataset folders."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from thinset.data.matching_splits import require_matching_classes, require_one_shape
from thinset.data.replaceable import foreign_to_import
from thinset.data.sources.cifar import CIFAR10, CIFAR100
from thinset.data.sources.cifar_files import require_unpickled
from thinset.data.sources.digits import DIGITS, Digits
from thinset.data.sources.file_tree import printable
from thinset.data.sources.image_folder import ImageFolder
from thinset.data.sources.image_stream import ImageStream, Opened, ReadOptions, Source
from thinset.data.sources.input_files import require_no_dangling_link, require_no_run_folder
from thinset.data.sources.map_style import import_map_style
from thinset.data.sources.mnist import Mnist
from thinset.data.sources.npy_pair import NpyPair
from thinset.data.sources.parquet import Parquet
from thinset.data.sources.write_stream import write_stream
from thinset.data.store import Dataset, open_dataset
from thinset.files.atomic import atomic_folder
from thinset.files.overlap import require_apart
from thinset.files.regular import require_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from thinset.data.sources.image_stream import Batch, EncodedSample

__all__ = [
    "SOURCES",
    "ImageStream",
    "Opened",
    "ReadOptions",
    "Source",
    "import_dataset",
    "import_map_style",
    "open_source",
    "recognise",
]

# In the order in which they are tried: the more particular first.
_IN_ORDER: tuple[Source, ...] = (
    Digits(),
    CIFAR10,
    CIFAR100,
    Mnist(),
    NpyPair(),
    Parquet(),
    ImageFolder(),
)
SOURCES: Mapping[str, Source] = {source.name: source for source in _IN_ORDER}
"""Every kind of source by its name."""

_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar", ".gz", ".zst")


def import_dataset(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    kind: str | None = None,
    size: tuple[int, int] | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    with_labels: bool = True,
    skip_unreadable: bool = False,
    note: Callable[[str], None] | None = None,
    overwrite: bool = False,
    show_progress: bool = False,
) -> dict[str, Dataset]:
    """Write a source as dataset folders out/train and, where it has them, out/test, out/validation.

    `source` is a path, or "digits" for the embedded dataset; `kind` one of SOURCES, found from the
    path when it is None. `size` = (height, width) resizes the images; without it images of several
    sizes become the median height and width of the training images, at most 64 each.
    `image_column` and `label_column` choose columns of parquet files; `with_labels=False` reads the
    images alone. `skip_unreadable` leaves out images that are damaged or missing. `note` is called
    with a sentence on everything that was taken for something, left out or converted; the
    manifests keep these sentences. `out` is written atomically. Returns the open datasets by split.

    Raises ValueError for an unknown kind, a source that no kind recognises, content that is not as
    it must be, splits that do not go together and an output that would replace its source;
    FileNotFoundError if `source` does not exist; FileExistsError if `out` exists and
    `overwrite` is false or something is in it that no import wrote.
    """
    path = os.fspath(source)
    if not _is_embedded(path, kind) and Path(path).exists():
        require_apart(out, path)
    options = ReadOptions(size, image_column, label_column, with_labels, skip_unreadable)
    opened = open_source(path, options, kind=kind)
    if note is not None:
        for text in opened.notes:
            note(text)
    with atomic_folder(out, overwrite=overwrite, foreign=foreign_to_import) as folder:
        for split, stream in opened.streams.items():
            name = f"{stream.name}/{split}"
            write_stream(stream, folder / split, name=name, show_progress=show_progress)
        datasets = {split: open_dataset(folder / split) for split in opened.streams}
        for split, dataset in datasets.items():
            name = f"{path}: the {split} split"
            require_matching_classes(datasets["train"], dataset, name)
    return {split: open_dataset(Path(out) / split) for split in opened.streams}


def open_source(path: str, options: ReadOptions, *, kind: str | None = None) -> Opened:
    """Open all splits of a source, checked against each other; see `import_dataset`."""
    if not _is_embedded(path, kind):
        require_no_dangling_link(Path(path))
        if not Path(path).exists():
            raise FileNotFoundError(
                f"{path} does not exist; name a dataset folder, a folder or file to import, or "
                f'"{DIGITS}" for the embedded dataset'
            )
        if not Path(path).is_dir():
            require_regular(path)
    reader = recognise(path) if kind is None else _of_kind(kind)
    if reader.name != Parquet.name:
        for option in ("image_column", "label_column"):
            if getattr(options, option) is not None:
                name = option.replace("_", "-")
                raise ValueError(
                    f"--{name} does not apply to {path}, which is of the kind {reader.name!r}"
                )
    opened = reader.open(path, options)
    train = opened.streams["train"]
    for split, stream in opened.streams.items():
        require_one_shape(train.image_shape, stream.image_shape, f"{path}: the {split} split")
    streams = {
        split: _prepared(stream, opened.notes, with_labels=options.with_labels)
        for split, stream in opened.streams.items()
    }
    return Opened(streams, opened.notes)


def _is_embedded(path: str, kind: str | None) -> bool:
    return path == DIGITS and kind in (None, DIGITS)


def _prepared(stream: ImageStream, notes: tuple[str, ...], *, with_labels: bool) -> ImageStream:
    """The stream with the notes in its provenance, as text that JSON can hold."""
    path = stream.provenance.path
    provenance = msgspec.structs.replace(
        stream.provenance,
        path=None if path is None else printable(path),
        notes=[printable(note) for note in notes],
    )
    stream = replace(stream, name=printable(stream.name), provenance=provenance)
    return stream if with_labels else _without_labels(stream)


def _without_labels(stream: ImageStream) -> ImageStream:
    def batches() -> Iterator[Batch]:
        for images, _ in stream:
            yield images, None

    def encoded() -> Iterator[EncodedSample]:
        assert stream.encoded is not None
        for name, content, _ in stream.encoded():
            yield name, content, None

    has_encoded = stream.encoded is not None
    return replace(
        stream, class_names=None, batches=batches, encoded=encoded if has_encoded else None
    )


def _of_kind(kind: str) -> Source:
    if kind not in SOURCES:
        raise ValueError(f"kind must be one of {list(SOURCES)}, got {kind!r}")
    return SOURCES[kind]


def recognise(path: str) -> Source:
    """Return the kind that `path` looks like; ValueError if it looks like none."""
    require_unpickled(path)
    require_no_run_folder(Path(path))
    for source in SOURCES.values():
        if source.recognises(path):
            return source
    if Path(path).is_file() and path.lower().endswith(_ARCHIVES):
        raise ValueError(f"{path} is an archive; unpack it and give the folder")
    if path.lower().endswith((".npy", ".safetensors")):
        raise ValueError(
            f"{path} holds an array alone, not a dataset. If these are images, put them and their "
            "labels into one folder, as images.npy and labels.npy. To choose rows of embeddings, "
            "use `thinset select`; other commands take the dataset here, and its embeddings as "
            "--embeddings"
        )
    what = "is none of the known kinds of source"
    if Path(path).is_dir() and not any(Path(path).iterdir()):
        what = "is an empty folder"
    known = "; ".join(f"{source.name}: {source.summary}" for source in SOURCES.values())
    raise ValueError(f"{path} {what} (the kinds of source are {known})")
