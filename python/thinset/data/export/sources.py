"""Recognises what a subset is taken from: files of images, parquet, JSON lines, tar, ..."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.data.export import json_lines, parquet, tar_shards
from thinset.data.export.hugging_face import is_hugging_face
from thinset.data.export.origin import origin_of
from thinset.data.manifest import MANIFEST_FILE
from thinset.data.sources.file_tree import read_tree
from thinset.data.sources.image_files import looks_like_image
from thinset.data.sources.image_stream import require_split
from thinset.data.sources.input_files import require_input_file
from thinset.data.sources.parquet_files import find_parquet, has_parquet
from thinset.data.sources.split_names import splits_in
from thinset.data.store import Dataset, open_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.data.export.origin import Imported

_SUFFIXES = {
    "parquet": parquet.SUFFIXES,
    "jsonl": json_lines.SUFFIXES,
    "webdataset": tar_shards.SUFFIXES,
}
_NAMED = {
    "dataset": "a dataset folder",
    "files": "a folder of images",
    "parquet": "parquet",
    "jsonl": "JSON lines",
    "webdataset": "tar shards",
    "huggingface": "a Hugging Face dataset",
}


@dataclass(frozen=True)
class Found:
    """A source. kind: one of _NAMED. files: of parquet, JSON lines and tar.

    root: the folder of images. folder: the folder whose every file belongs to the source. dataset:
    an open dataset folder or a Hugging Face dataset, or its path. split: the split that row numbers
    belong to. imported: the dataset folder that stands for these files.
    """

    kind: str
    split: str
    files: tuple[Path, ...] = ()
    root: Path | None = None
    folder: Path | None = None
    dataset: Any = None
    imported: Imported | None = None

    @property
    def named(self) -> str:
        return _NAMED[self.kind]


def find_source(source: Any, form: str | None, split: str) -> Found:
    """Recognise `source`; a dataset folder stands for its original files, if `form` is theirs.

    Raises ValueError for a source of no known kind, FileNotFoundError for a missing one.
    """
    if is_hugging_face(source):
        return Found("huggingface", split, dataset=source)
    if isinstance(source, (list, tuple)):
        return _of_files([_existing(path) for path in source], split)
    if not isinstance(source, (str, os.PathLike, Dataset)):
        raise ValueError(
            "the source must be a path, a list of paths, a dataset, or a Hugging Face dataset, got "
            f"{type(source).__name__}"
        )
    if isinstance(source, Dataset) or (Path(source) / MANIFEST_FILE).is_file():
        dataset = source if isinstance(source, Dataset) else open_dataset(source)
        return (
            Found("dataset", split, dataset=dataset)
            if form in (None, "dataset")
            else _of_origin(dataset)
        )
    path = _existing(source)
    return _of_folder(path, split) if path.is_dir() else _of_files([path], split)


def _existing(path: str | os.PathLike[str]) -> Path:
    if not os.path.lexists(path):
        raise FileNotFoundError(f"{os.fspath(path)} does not exist")
    return Path(path)


def _of_origin(dataset: Dataset) -> Found:
    origin = origin_of(dataset)
    if origin.kind == "image-folder":
        return Found(
            "files", origin.split, root=origin.path, folder=origin.path, imported=origin.imported
        )
    if origin.kind == "parquet":
        files = _parquet_of(origin.path, origin.split)
        folder = origin.path if origin.path.is_dir() else None
        return Found("parquet", origin.split, files, folder=folder, imported=origin.imported)
    raise ValueError(
        f"{dataset.path} was imported from {origin.path} of the kind {origin.kind!r}, which has no "
        "file or row for each sample; write a dataset folder"
    )


def _of_files(files: Sequence[Path], split: str) -> Found:
    if not files:
        raise ValueError("the source must have at least one file, got an empty list")
    kinds = {file: _kind_of(file) for file in files}
    kind = kinds[files[0]]
    for file in files:
        require_input_file(file)
        if kinds[file] is None:
            known = ", ".join(suffix for group in _SUFFIXES.values() for suffix in group)
            raise ValueError(
                f"{file} is of no known kind; its name must end with one of {known}, or the source "
                "be a folder of images"
            )
        if kinds[file] != kind:
            raise ValueError(f"{file} and {files[0]} are not of one kind; give one after the other")
    assert kind is not None
    return Found(kind, split, tuple(files))


def _of_folder(folder: Path, split: str) -> Found:
    if has_parquet(str(folder)):
        return Found("parquet", split, _parquet_of(folder, split), folder=folder)
    tree = read_tree(folder)
    if any(map(looks_like_image, tree.files)):
        return Found("files", split, root=folder, folder=folder)
    for kind in ("webdataset", "jsonl"):
        files = [folder / file for file in tree.files if _kind_of(file) == kind]
        if files:
            return Found(kind, split, tuple(_of_split(files, split, folder)), folder=folder)
    # Images without a suffix of images, or nothing at all.
    return Found("files", split, root=folder, folder=folder)


def _parquet_of(path: Path, split: str) -> tuple[Path, ...]:
    splits = find_parquet(str(path)).splits
    require_split(split, list(splits), str(path))
    return tuple(splits[split])


def _of_split(files: Sequence[Path], split: str, folder: Path) -> list[Path]:
    """The files named after a split; all files if none is named after any."""
    named = {file: splits_in(file.name.partition(".")[0]) for file in files}
    if not any(named.values()):
        return list(files)
    found = [file for file, splits in named.items() if splits == {split}]
    if not found:
        known = sorted({name for splits in named.values() for name in splits})
        require_split(split, known, str(folder))
        raise ValueError(f"{folder}: no file is named after the {split} split alone")
    return found


def _kind_of(file: Path) -> str | None:
    name = file.name.lower()
    return next((kind for kind, ends in _SUFFIXES.items() if name.endswith(ends)), None)
