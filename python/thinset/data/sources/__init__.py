"""Where images come from: one file per kind, and the way from any of them to dataset folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.atomic_files import atomic_folder
from thinset.data.replaceable import foreign_to_import
from thinset.data.sources.cifar10 import Cifar10
from thinset.data.sources.digits import DIGITS, Digits
from thinset.data.sources.image_folder import ImageFolder
from thinset.data.sources.image_stream import ImageStream, Source
from thinset.data.sources.map_style import import_map_style
from thinset.data.sources.mnist import Mnist
from thinset.data.sources.npy_pair import NpyPair
from thinset.data.sources.parquet import Parquet
from thinset.data.sources.write_stream import write_stream
from thinset.data.store import Dataset, open_dataset
from thinset.overlap import require_apart

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "SOURCES",
    "ImageStream",
    "Source",
    "import_dataset",
    "import_map_style",
    "recognise",
]

# In the order in which they are asked whether they recognise a path: the more particular first.
_IN_ORDER: tuple[Source, ...] = (Digits(), Cifar10(), Mnist(), NpyPair(), Parquet(), ImageFolder())
SOURCES: Mapping[str, Source] = {source.name: source for source in _IN_ORDER}
"""Every kind of source by its name."""


def import_dataset(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    kind: str | None = None,
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
    show_progress: bool = False,
) -> dict[str, Dataset]:
    """Write a source as dataset folders out/train and, where it has test data, out/test.

    `source` is a path, or "digits" for the embedded dataset; `kind` one of SOURCES, found from the
    path when it is None. `size` = (height, width) resizes the images. `out` appears whole or not
    at all. Returns the open datasets by split.

    Raises ValueError for an unknown kind, a source that no kind recognises, content that does not
    hold up and an output that would replace its source; FileNotFoundError where `source` does not
    exist; FileExistsError where `out` exists and `overwrite` is false or something is in it that no
    import wrote.
    """
    path = os.fspath(source)
    if path != DIGITS:
        if not Path(path).exists():
            raise FileNotFoundError(f"{path} does not exist")
        require_apart(out, path)
    reader = recognise(path) if kind is None else _of_kind(kind)
    splits = reader.splits(path)
    if not splits:
        raise ValueError(f"{path} has no training data of the kind {reader.name!r}")
    with atomic_folder(out, overwrite=overwrite, foreign=foreign_to_import) as folder:
        for split in splits:
            stream = reader.open(path, split, size)
            name = f"{stream.name}/{split}"
            write_stream(stream, folder / split, name=name, show_progress=show_progress)
    return {split: open_dataset(Path(out) / split) for split in splits}


def _of_kind(kind: str) -> Source:
    if kind not in SOURCES:
        raise ValueError(f"kind must be one of {list(SOURCES)}, got {kind!r}")
    return SOURCES[kind]


def recognise(path: str) -> Source:
    """Return the kind that `path` looks like; ValueError where it looks like none."""
    for source in SOURCES.values():
        if source.recognises(path):
            return source
    known = "; ".join(f"{source.name}: {source.summary}" for source in SOURCES.values())
    raise ValueError(f"{path} is none of the known kinds of source ({known})")
