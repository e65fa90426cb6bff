"""Image files in one folder per class, the layout of torchvision's ImageFolder."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thinset.data.sources.encoded_image import decode, require_size, survey
from thinset.data.sources.image_stream import BATCH_SIZE, ImageStream, require_split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.data.sources.image_stream import Batch

_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


class ImageFolder:
    """A folder per class, directly or under train/ and test/; the folders' names are the classes.

    Classes are numbered in the order of their sorted names, those of train/ for both splits;
    images come class by class, sorted by path. Every file must be an image; names that start with
    a dot are passed over. The images must all have the same height and width unless a size is
    given; they are grey if all are grey, else RGB.
    """

    name = "image-folder"
    summary = "image files in one folder per class, optionally under train/ and test/"

    def recognises(self, path: str) -> bool:
        """Whether there is an image file in a folder below `path`."""
        return any(
            file.suffix.lower() in _SUFFIXES
            for split in self.splits(path)
            for folder in _visible_folders(_root(path, split))
            for file in _files(folder)
        )

    def splits(self, path: str) -> tuple[str, ...]:
        """("train", "test") as far as there are folders of these names, else ("train",)."""
        if not Path(path).is_dir():
            return ()
        return tuple(s for s in ("train", "test") if (Path(path) / s).is_dir()) or ("train",)

    def open(self, path: str, split: str, size: tuple[int, int] | None = None) -> ImageStream:
        """Open one split; ValueError names the file or folder that does not hold up."""
        require_split(split, self.splits(path), path)
        class_names = _class_names(_root(path, self.splits(path)[0]))
        files = _labelled_files(_root(path, split), class_names)
        height, width, channels = survey((str(file), file) for file, _ in files)
        if size is not None:
            require_size(size)
            height, width = size
        shape = (height, width, channels)
        return ImageStream(
            name=Path(path).resolve().name,
            n_samples=len(files),
            image_shape=shape,
            batches=lambda: _batches(files, shape, resize=size is not None),
            class_names=class_names,
            provenance={"kind": self.name, "path": path, "split": split, "size": size},
            encoded=lambda: ((str(file), file, label) for file, label in files),
        )


def _root(path: str, split: str) -> Path:
    below = Path(path) / split
    return below if below.is_dir() else Path(path)


def _visible_folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files(folder: Path) -> Iterator[Path]:
    return (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith("."))


def _class_names(root: Path) -> tuple[str, ...]:
    folders = _visible_folders(root)
    if not folders:
        raise ValueError(f"{root} has no class folders")
    return tuple(folder.name for folder in folders)


def _labelled_files(root: Path, class_names: tuple[str, ...]) -> list[tuple[Path, int]]:
    labelled = []
    for folder in _visible_folders(root):
        if folder.name not in class_names:
            raise ValueError(f"{folder} is a class that the training split does not have")
        files = list(_files(folder))
        if not files:
            raise ValueError(f"{folder} has no images")
        label = class_names.index(folder.name)
        labelled += [(file, label) for file in files]
    return labelled


def _batches(
    files: list[tuple[Path, int]], shape: tuple[int, int, int], *, resize: bool
) -> Iterator[Batch]:
    rows = iter(files)
    while batch := list(itertools.islice(rows, BATCH_SIZE)):
        images = [decode((str(file), file), shape, resize=resize) for file, _ in batch]
        yield np.stack(images), np.array([label for _, label in batch])
