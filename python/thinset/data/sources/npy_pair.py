"""images.npy and labels.npy, as NumPy saves them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.manifest import MANIFEST_FILE, Manifest
from thinset.data.npy_file import open_npy
from thinset.data.provenance import ImportedFrom
from thinset.data.sources.encoded_image import resized
from thinset.data.sources.image_layout import channels_last, is_channels_first
from thinset.data.sources.image_stream import ImageStream, Opened, array_batches
from thinset.data.sources.input_files import is_there, require_input_file, require_split_folder
from thinset.data.sources.label_classes import LabelClasses, classes_of, with_gaps_filled
from thinset.data.sources.listing import first_of
from thinset.data.sources.split_names import in_order, split_of_folder
from thinset.data.sources.value_range import Conversion, conversion_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from thinset.data.sources.image_stream import Batch, ReadOptions

    Array = np.ndarray[Any, Any]

_IMAGES = "images.npy"
_LABELS = "labels.npy"
_ARRAY_SUFFIXES = (".npy", ".npz")


class NpyPair:
    """A folder with images.npy and, where there are labels, labels.npy.

    Either directly (then it is the training split) or in folders named after splits. Images are
    (N, height, width, channels), (N, channels, height, width) with 1 or 3 channels, or (N, height,
    width), in C order; see `conversion_of` for dtypes and ranges. Labels are (N,) or (N, 1)
    integers or strings; see `classes_of` for those that are not 0..C-1. The arrays are mapped, so
    they may be larger than memory. A dataset folder is such a folder too, and its class names are
    kept.
    """

    name = "npy"
    summary = "a folder with images.npy and labels.npy, or split folders of these"

    def recognises(self, path: str) -> bool:
        """Whether there is an images.npy where one is looked for."""
        return bool(_folders(path))

    def open(self, path: str, options: ReadOptions) -> Opened:
        """Open all splits; ValueError names the file that is not as it must be."""
        folders = _folders(path)
        if "train" not in folders:
            found = ", ".join(str(folder) for folder in folders.values()) or "none"
            raise ValueError(f"{path} has no training split with {_IMAGES}, found {found}")
        _require_whole_pairs(folders, with_labels=options.with_labels)
        notes = _about_unread(path, folders, with_labels=options.with_labels)
        images = {split: _open_images(f / _IMAGES, notes) for split, f in folders.items()}
        conversion = conversion_of(
            {str(folders[split] / _IMAGES): array for split, array in images.items()}
        )
        notes += conversion.notes
        labels = {
            split: _open_labels(folder / _LABELS, len(images[split]))
            for split, folder in folders.items()
        }
        names = {split: _stored_names(folder) for split, folder in folders.items()}
        if not any((folder / MANIFEST_FILE).is_file() for folder in folders.values()):
            classes = _classes(labels)
            if classes is not None and classes.names is not None:
                notes.append(f"labels are {classes.note}")
                names = dict.fromkeys(folders, classes.names)
                labels = {
                    split: _numbered(values, classes, folders[split] / _LABELS)
                    for split, values in labels.items()
                }
        streams = {}
        for split in folders:
            height, width, channels = images[split].shape[1:]
            stream = ImageStream(
                name=Path(path).resolve().name,
                n_samples=len(images[split]),
                image_shape=(height, width, channels),
                batches=_Batches(images[split], labels[split], conversion),
                image_dtype=conversion.dtype,
                class_names=names[split],
                provenance=ImportedFrom(source=self.name, path=path, split=split),
            )
            streams[split] = resized(stream, options.size)
        return Opened(streams, tuple(dict.fromkeys(notes)))


def _folders(path: str) -> dict[str, Path]:
    """The folder of each split."""
    root = Path(path)
    if not root.is_dir():
        return {}
    found: dict[str, Path] = {}
    entries = [entry for entry in sorted(root.iterdir()) if split_of_folder(entry.name) is not None]
    for folder in entries:
        split = split_of_folder(folder.name)
        if split is not None and _has_pair(folder):
            if split in found:
                raise ValueError(
                    f"{path}: the folders {found[split].name} and {folder.name} are both named "
                    f"after the {split} split; move one of them elsewhere"
                )
            found[split] = folder
    if is_there(root / _IMAGES):
        if found:
            raise ValueError(
                f"{path} has {_IMAGES} and also {next(iter(found.values())) / _IMAGES}; move the "
                "arrays of each split into a folder train, test or validation, or give one folder"
            )
        return {"train": root}
    if found:
        for entry in entries:
            require_split_folder(entry)
    return {split: found[split] for split in in_order(found)}


def _has_pair(folder: Path) -> bool:
    return is_there(folder / _IMAGES) or is_there(folder / _LABELS)


def _require_whole_pairs(folders: Mapping[str, Path], *, with_labels: bool) -> None:
    """Refuse half a pair, and names of a pair that are no regular files."""
    has_labels = {split: is_there(folder / _LABELS) for split, folder in folders.items()}
    for split, folder in folders.items():
        if not is_there(folder / _IMAGES):
            raise ValueError(f"{folder} has {_LABELS}, but no {_IMAGES}; add it or move the labels")
        require_input_file(folder / _IMAGES)
        if has_labels[split]:
            require_input_file(folder / _LABELS)
        elif with_labels and any(has_labels.values()):
            other = next(other for other in folders.values() if is_there(other / _LABELS))
            raise ValueError(
                f"{folder} has no {_LABELS}, but {other} has; add it, or read the images alone "
                "with `thinset data import --no-labels`"
            )


def _about_unread(path: str, folders: Mapping[str, Path], *, with_labels: bool) -> list[str]:
    """What else looks like arrays of a dataset, beside those that are read."""
    root = Path(path)
    read = {folder / name for folder in folders.values() for name in (_IMAGES, _LABELS)}
    unread = []
    for folder in dict.fromkeys((root, *folders.values())):
        if not (folder / MANIFEST_FILE).is_file():
            unread += [
                entry
                for entry in sorted(folder.iterdir())
                if entry.suffix.lower() in _ARRAY_SUFFIXES and entry not in read
            ]
    if root not in folders.values():
        unread += [
            entry
            for entry in sorted(root.iterdir())
            if entry.is_dir()
            and entry not in folders.values()
            and (split_of_folder(entry.name) is not None or _has_pair(entry))
        ]
    what = f"left out {first_of(unread, 10)}: only {_IMAGES} and {_LABELS} of each split are read"
    notes = [what] if unread else []
    notes += _left_out_of_datasets(folders.values())
    if unread and with_labels and not any(is_there(f / _LABELS) for f in folders.values()):
        notes.append(f"there is no {_LABELS}, so the images have no labels")
    return notes


def _left_out_of_datasets(folders: Iterable[Path]) -> list[str]:
    """What dataset folders hold that images and labels alone do not tell."""
    parts = []
    for folder in folders:
        if (folder / MANIFEST_FILE).is_file():
            manifest = Manifest.load(folder)
            if "soft_labels" in manifest.arrays:
                parts.append(f"the soft labels of {folder}")
            if manifest.schedule is not None:
                parts.append(f"the training schedule of {folder}")
    what = " and ".join(parts)
    return [f"left out {what}; to keep them, use the dataset folder itself"] if parts else []


def _open_images(path: Path, notes: list[str]) -> np.ndarray[Any, Any]:
    images = open_npy(path)
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise ValueError(
            f"{path} must hold images of shape (N, height, width[, channels]), got {images.dtype} "
            f"of shape {images.shape}; reshape rows of pixels before they are saved"
        )
    if images.ndim == 3:
        return images[..., np.newaxis]
    if is_channels_first(images.shape[1:]):
        notes.append(
            f"images of shape {images.shape[1:]} are taken to be (channels, height, width) and "
            "stored with channels last"
        )
        return channels_last(images)
    return images


@dataclass(frozen=True)
class _Batches:
    """Gives converted images and their labels, from the start each time it is called."""

    images: Array
    labels: Array | None
    conversion: Conversion

    def __call__(self) -> Iterator[Batch]:
        for rows, labels in array_batches(self.images, self.labels):
            yield np.ascontiguousarray(self.conversion.convert(rows)), labels


def _stored_names(folder: Path) -> tuple[str, ...] | None:
    has_manifest = (folder / MANIFEST_FILE).is_file()
    return Manifest.load(folder).class_names if has_manifest else None


def _classes(labels: Mapping[str, Array | None]) -> LabelClasses | None:
    """The classes of labels that nothing describes; None where the split has no proper labels."""
    train = labels["train"]
    if train is None:
        return None
    values = set(np.unique(train).tolist())
    for other in labels.values():
        values = with_gaps_filled(
            values, set() if other is None else set(np.unique(other).tolist())
        )
    if any(isinstance(value, int) and value < 0 for value in values):
        return None  # refused with its row when it is written
    return classes_of(values, len(train), names=None, is_given=True)


def _numbered(labels: Array | None, classes: LabelClasses, path: Path) -> Array | None:
    if labels is None:
        return None
    numbers = [classes.numbers.get(value, -1) for value in labels.tolist()]
    if -1 in numbers:
        row = numbers.index(-1)
        raise ValueError(
            f"{path} has the label {labels[row]} in row {row}, which no training label is"
        )
    return np.array(numbers, np.int64)


def _open_labels(path: Path, n_images: int) -> np.ndarray[Any, Any] | None:
    if not is_there(path):
        return None
    labels: np.ndarray[Any, Any] = open_npy(path)
    if labels.shape == (n_images, 1):  # as Keras has them
        labels = labels[:, 0]
    if labels.shape != (n_images,):
        raise ValueError(
            f"{path} must have shape ({n_images},) to go with {_IMAGES}, got {labels.shape}"
        )
    if labels.dtype.kind not in "biuU":
        raise ValueError(f"{path}: labels must be integers or strings, got {labels.dtype}")
    return labels.astype(np.uint8) if labels.dtype == bool else labels
