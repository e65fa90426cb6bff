"""Splits and classes of a folder of images, from the paths of the images alone."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.data.sources.file_tree import printable
from thinset.data.sources.listing import count, first_of
from thinset.data.sources.split_names import in_order, split_of_folder, splits_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    LabelledFile = tuple[Path, int | None]

# Folders named after what is in them: train/images, as detection datasets have it.
_ANY_IMAGES = re.compile(r"(jpeg|png)?images?|imgs?|pictures?|photos?|jpe?gs?|pngs?", re.IGNORECASE)

_LOOSE = ""
"""Represents the folder of images without a folder."""


@dataclass(frozen=True)
class Layout:
    """The images of each split, relative to the source, with their labels.

    The labels of a split without class folders are None.
    """

    splits: Mapping[str, list[LabelledFile]]
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...]


def find_layout(path: str, images: Sequence[Path]) -> Layout:
    """Find the splits and classes of `images`, sorted paths relative to the folder `path`.

    The folders at the top are splits where all that hold images are named after splits and one of
    them after the training split: train, Train, training_set, ... Otherwise they are classes, such
    as bus, car and train. A single folder around everything is passed through. Images beside class
    folders are left out.

    Raises ValueError if there are no images, no training split, a class that only another
    split has, two folders for one split, folders that may be splits or classes, or splits inside
    of class folders.
    """
    if not images:
        raise ValueError(f"{path} has no image files")
    wrapper = _wrapper(images)
    depth = len(wrapper.parts)
    notes = [f"read the folder {wrapper}, which holds everything"] if wrapper.parts else []
    tops = _by_folder(images, depth)
    folders = _split_folders(path, {f: i for f, i in tops.items() if f != _LOOSE}, depth + 1)
    if folders:
        read = ", ".join(f"{folder} as {split}" for split, folder in folders.items())
        notes.append(f"splits from folders: {read}")
        splits = {
            split: _by_folder(tops[folder], _class_depth(tops[folder], depth + 1))
            for split, folder in folders.items()
        }
        notes += _about_loose(tops.get(_LOOSE, []))
    else:
        _require_no_splits_inside(path, tops, depth + 1)
        splits = {"train": tops}
    for by_folder in splits.values():
        if len(by_folder) > 1:
            notes += _about_loose(by_folder.pop(_LOOSE, []))
    class_names = _class_names(path, splits["train"])
    labelled = {
        split: _labelled(path, split, by_folder, class_names) for split, by_folder in splits.items()
    }
    return Layout(labelled, class_names, (*notes, *_about_classes(labelled, class_names)))


def require_named_classes(path: str, layout: Layout) -> None:
    """Raise ValueError if the one class is a folder that is called images or the like."""
    if layout.class_names is None or len(layout.class_names) > 1:
        return
    name = layout.class_names[0]
    if _ANY_IMAGES.fullmatch(name):
        raise ValueError(
            f"{path} has one class folder only, {name}, whose name is of no class; make a folder "
            "for each class (train/cat, train/dog), or read the images alone with `thinset data "
            "import --no-labels`"
        )


def _require_no_splits_inside(path: str, tops: Mapping[str, list[Path]], depth: int) -> None:
    """Refuse cat/train, cat/test, dog/train, ..., which would all be training data."""
    inside = {
        folder: split
        for files in tops.values()
        for file in files
        for folder in file.parts[depth:-1][:1]
        if (split := split_of_folder(folder)) is not None
    }
    if "train" in inside.values() and len(set(inside.values())) > 1:
        top = next(name for name in sorted(tops) if name != _LOOSE)
        raise ValueError(
            f"{path}: the folders {first_of(sorted(inside))} are splits inside of class folders "
            f"such as {top}; put the splits outside: train/{top}, test/{top}"
        )


def _wrapper(images: Sequence[Path]) -> Path:
    """The folder around everything: one that holds folders alone and is named after no split."""
    wrapper = Path()
    while True:
        depth = len(wrapper.parts)
        name = images[0].parts[depth]
        if split_of_folder(name) is not None or not _all_inside(images, depth, name):
            return wrapper
        wrapper /= name


def _class_depth(images: Sequence[Path], depth: int) -> int:
    """Where class folders are: below train/train/ too, as some archives unpack."""
    name = images[0].parts[depth]
    if split_of_folder(name) is not None and _all_inside(images, depth, name):
        return _class_depth(images, depth + 1)
    return depth


def _all_inside(images: Sequence[Path], depth: int, name: str) -> bool:
    """Whether all images are in folders of the folder `name` at this depth."""
    return all(len(file.parts) > depth + 2 and file.parts[depth] == name for file in images)


def _by_folder(images: Sequence[Path], depth: int) -> dict[str, list[Path]]:
    """The images by the folder at this depth."""
    folders: dict[str, list[Path]] = defaultdict(list)
    for file in images:
        folders[file.parts[depth] if len(file.parts) > depth + 1 else _LOOSE].append(file)
    return dict(folders)


def _split_folders(path: str, tops: Mapping[str, list[Path]], depth: int) -> dict[str, str]:
    """The folder of each split; empty where the folders are classes."""
    with_classes = [
        folder
        for folder, files in tops.items()
        if all(len(file.parts) > depth + 1 for file in files)
    ]
    unnamed = [folder for folder in tops if split_of_folder(folder) is None]
    if tops and not unnamed:
        return _one_folder_each(path, tops, with_classes)
    exact = {split_of_folder(folder) for folder in with_classes}
    hinted = {split for folder in with_classes for split in splits_in(folder)}
    if "train" in exact or {"train"} < hinted:
        raise ValueError(
            f"{path}: the folders {first_of(sorted(tops), 6)} may be splits or classes. Name "
            "splits train, test and validation, and move everything else "
            f"({first_of(sorted(unnamed))}) elsewhere, or give the folder of one split"
        )
    return {}


def _one_folder_each(path: str, tops: Iterable[str], with_classes: Sequence[str]) -> dict[str, str]:
    folders: dict[str, str] = {}
    for folder in sorted(tops):
        split = split_of_folder(folder)
        assert split is not None
        if split in folders:
            raise ValueError(
                f"{path}: the folders {folders[split]} and {folder} are both named after the "
                f"{split} split; move one of them elsewhere"
            )
        folders[split] = folder
    if "train" in folders:
        return {split: folders[split] for split in in_order(folders)}
    if with_classes:
        raise ValueError(
            f"{path} has no training split, only {first_of(sorted(tops))}; name the folder to "
            "train on train, or give that folder"
        )
    return {}


def _class_names(path: str, train: Mapping[str, list[Path]]) -> tuple[str, ...] | None:
    if _LOOSE in train:
        return None
    class_names = tuple(printable(folder) for folder in sorted(train))
    twice = [name for name in class_names if class_names.count(name) > 1]
    if twice:
        raise ValueError(f"{path} has several class folders named {twice[0]} in other encodings")
    return class_names


def _labelled(
    path: str,
    split: str,
    by_folder: Mapping[str, list[Path]],
    class_names: tuple[str, ...] | None,
) -> list[LabelledFile]:
    if _LOOSE in by_folder:
        return [(file, None) for file in by_folder[_LOOSE]]
    labels = {name: label for label, name in enumerate(class_names or ())}
    unknown = [folder for folder in sorted(by_folder) if printable(folder) not in labels]
    if unknown:
        raise ValueError(
            f"{path}, {split} split: {first_of(unknown)} is a class that the training split does "
            f"not have; it has {first_of(class_names or ('none',), 10)}"
        )
    return [
        (file, labels[printable(folder)])
        for folder in sorted(by_folder)
        for file in by_folder[folder]
    ]


def _about_loose(files: Sequence[Path]) -> list[str]:
    if not files:
        return []
    return [f"left out {count(len(files), 'image')} outside of class folders: {first_of(files)}"]


def _about_classes(
    splits: Mapping[str, Sequence[LabelledFile]], class_names: tuple[str, ...] | None
) -> list[str]:
    notes = []
    if class_names is not None:
        number = count(len(class_names), "class", "classes")
        notes.append(f"{number} from folders: {first_of(class_names, 5)}")
    for split, files in splits.items():
        present = {label for _, label in files}
        if None in present:
            notes.append(f"{split}: no class folders, so its images have no labels")
        elif class_names is not None:
            missing = [name for label, name in enumerate(class_names) if label not in present]
            if missing:
                number = count(len(missing), "class", "classes")
                notes.append(f"{split}: no images of {number}: {first_of(missing)}")
    return notes
