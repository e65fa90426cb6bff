"""Small training sets that other programs made: images and labels in NumPy files."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from thinset.data.matching_splits import LARGEST_FLOAT
from thinset.data.npy_file import file_digest, open_npy
from thinset.data.provenance import ImportedFrom
from thinset.data.sources.image_layout import channels_last, is_channels_first
from thinset.data.sources.value_range import GREY_LEVELS
from thinset.data.standardisation import require_standardisation
from thinset.data.store import Dataset, open_dataset
from thinset.data.writer import DatasetWriter
from thinset.files.regular import open_regular

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    Array = np.ndarray[Any, Any]

_LARGEST_BYTES = 1 << 32
"""Of an array in an .npz file, which a compressed entry could otherwise fill any disk with"""
_MOST_CHANNELS = 4
_LARGEST_ERROR = 1e-3
_REMEDY = (
    "give the --mean and the --deviation that they were standardised with, or --mean 0 "
    "--deviation 1 to take them as they are"
)
_REMEDY_FOR_GREY_LEVELS = "give --mean 0 --deviation 0.00392157 (1/255) to scale 0..255 to 0..1"


@dataclass(frozen=True)
class Exported:
    """Where images and labels are, and how to read them.

    images: a .npz file with the arrays images and labels, a folder with images.npy and labels.npy,
    or a .npy file. labels: the .npy file of the labels of the latter. mean, deviation: of each
    channel, or one for all, if the images are standardised by them: a pixel in [0, 1] is the stored
    value times the deviation, plus the mean. channels: whether they come "first", as torch has
    them, or "last"; None to see it from the shape.

    Raises ValueError for a mean or deviation that is not finite in float32, a deviation that is not
    above 0 there, and one of the two without the other.
    """

    images: str
    labels: str | None = None
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    channels: Literal["first", "last"] | None = None

    def __post_init__(self) -> None:
        require_standardisation(self.mean, self.deviation)

    def digest(self) -> str:
        """SHA-256 of the content of the files; OSError or ValueError if one cannot be read."""
        path = Path(self.images)
        files = [path / "images.npy", path / "labels.npy"] if path.is_dir() else [path]
        digests = [file_digest(file) for file in files]
        if self.labels is not None:
            digests.append(file_digest(self.labels))
        return hashlib.sha256("".join(digests).encode()).hexdigest()


def import_exported(
    source: Exported,
    out: str | os.PathLike[str],
    *,
    class_names: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Dataset:
    """Write the images and labels as the dataset folder `out`.

    Images (M, height, width, channels) or (M, channels, height, width), of 1 to 4 channels, or (M,
    height, width): uint8, floating point in [0, 1], or standardised floating point. Labels are
    integers (M,), or probabilities (M, K), floating point; the label of a sample then is its most
    probable class. Nothing is unpickled.

    Raises ValueError, naming the file and the row where there is one, for anything else;
    FileNotFoundError for a missing file.
    """
    path = Path(source.images)
    with tempfile.TemporaryDirectory() as temporary:
        images_array, labels_array = _arrays(path, source.labels, Path(temporary))
        images = _as_stored(images_array, source)
        labels, soft_labels = _labels(labels_array, len(images))
        if class_names is not None:
            _require_classes(labels_array.where, labels, soft_labels, len(class_names))
        with DatasetWriter(
            out,
            name=path.resolve().stem,
            image_shape=images.shape[1:],
            image_dtype=images.dtype,
            n_samples=len(images),
            class_names=class_names,
            provenance=ImportedFrom(source="exported", path=str(path)),
            overwrite=overwrite,
        ) as writer:
            writer.append(images, labels, soft_labels)
    return open_dataset(out)


class _Array(NamedTuple):
    """An array, mapped, and what messages call it."""

    values: Array
    where: str


def _arrays(path: Path, labels: str | None, temporary: Path) -> tuple[_Array, _Array]:
    """The images and the labels."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.is_dir() or path.suffix == ".npz":
        if labels is not None:
            raise ValueError(f"{path} holds its labels itself; leave out the file of labels")
        read = _of_folder if path.is_dir() else _of_archive
        return read(path, "images", temporary), read(path, "labels", temporary)
    if path.suffix != ".npy":
        raise ValueError(
            f"{path} must be a dataset folder, a folder with images.npy and labels.npy, a .npz "
            "file, or a .npy file of images; save torch tensors with numpy.save first"
        )
    if labels is None:
        raise ValueError(f"{path} holds images alone; give the .npy file of their labels, too")
    return _Array(open_npy(path), str(path)), _Array(open_npy(labels), labels)


def _of_folder(path: Path, name: str, temporary: Path) -> _Array:  # noqa: ARG001
    file = path / f"{name}.npy"
    if not file.exists():
        raise FileNotFoundError(f"{path} has no {file.name}")
    return _Array(open_npy(file), str(file))


def _of_archive(path: Path, name: str, temporary: Path) -> _Array:
    """An array of a .npz file, extracted to be mapped and checked by the native core."""
    out, where = temporary / f"{name}.npy", f"{path}: {name}"
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                entry = _entry(archive, name)
                with archive.open(entry) as content, out.open("wb") as target:
                    shutil.copyfileobj(content, target)
        # What zipfile raises for encrypted, unsupported, cut and damaged archives.
        except (RuntimeError, NotImplementedError, EOFError, zipfile.BadZipFile, zlib.error) as e:
            raise ValueError(f"{path} is damaged: {e}") from e
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    try:
        return _Array(open_npy(out), where)
    except ValueError as error:
        raise ValueError(str(error).replace(str(out), where)) from error


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    if name not in entries:
        raise ValueError(f"the array {name} is missing; there are {', '.join(entries) or 'none'}")
    entry = entries[name]
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"the array {name} is compressed as numpy.savez_compressed does not")
    if entry.file_size > _LARGEST_BYTES:
        raise ValueError(
            f"the array {name} has {entry.file_size:,} bytes, more than {_LARGEST_BYTES:,}"
        )
    return entry


def _as_stored(array: _Array, source: Exported) -> Array:
    """Images with channels last, uint8, or float32 in about [0, 1]."""
    images, file = array
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            f"{file} must hold at least one image, of shape (M, height, width), (M, height, width, "
            "channels) or (M, channels, height, width), with no axis of length 0; got "
            f"{images.dtype} of shape {array[0].shape}"
        )
    first = source.channels == "first" or (
        source.channels is None and is_channels_first(images.shape[1:])
    )
    given = images.shape
    images = channels_last(images) if first else images
    if images.shape[3] > _MOST_CHANNELS:
        place = "first" if first else "last"
        raise ValueError(
            f"{file}: images must have 1 to {_MOST_CHANNELS} channels, but shape {given} has "
            f"{images.shape[3]} if channels come {place}; --channels says where they are"
        )
    if images.dtype == np.uint8:
        if source.mean is not None or source.deviation is not None:
            raise ValueError(f"{file} holds uint8 images, which --mean and --deviation are not for")
        return np.ascontiguousarray(images)
    if images.dtype.kind != "f":
        raise ValueError(f"{file} must hold uint8 or floating-point images, got {images.dtype}")
    with np.errstate(over="ignore"):  # reported below
        values = np.ascontiguousarray(images, np.float32)
    finite = np.isfinite(values).all(axis=(1, 2, 3))
    if not finite.all():
        row = int(finite.argmin())
        if np.isfinite(images[row]).all():
            raise ValueError(
                f"{file}: row {row} holds values that float32 cannot, up to "
                f"{float(np.abs(images[row]).max()):g}"
            )
        raise ValueError(f"{file}: row {row} holds NaN or infinity")
    if source.mean is not None and source.deviation is not None:
        mean = _by_channel("mean", source.mean, values.shape[3])
        deviation = _by_channel("deviation", source.deviation, values.shape[3])
        with np.errstate(over="ignore"):
            pixels = values * deviation + mean
        # Written so that NaN fails it too.
        if not np.abs(pixels).max() <= LARGEST_FLOAT:
            raise ValueError(
                f"{file} holds values in {_range(values)}, which times the deviation plus the mean "
                f"are {_range(pixels)}; training takes about 0..1: {_remedy(values)}"
            )
        return pixels
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"{file} holds values in {_range(values)}, not in 0..1; {_remedy(values)}")
    return values


def _range(values: Array) -> str:
    return f"{values.min():.6g}..{values.max():.6g}"


def _remedy(values: Array) -> str:
    is_grey = values.min() >= 0 and LARGEST_FLOAT < values.max() <= GREY_LEVELS
    return _REMEDY_FOR_GREY_LEVELS if is_grey else _REMEDY


def _by_channel(name: str, values: tuple[float, ...], n_channels: int) -> Array:
    if len(values) not in (1, n_channels):
        raise ValueError(
            f"{name} must be one number, or one for each of {n_channels} channels, "
            f"got {list(values)}"
        )
    return np.asarray(values, np.float32)


def _require_classes(file: str, labels: Array, soft_labels: Array | None, n_classes: int) -> None:
    if soft_labels is not None and soft_labels.shape[1] != n_classes:
        raise ValueError(
            f"{file} holds probabilities of {soft_labels.shape[1]} classes, but the real data have "
            f"{n_classes}"
        )
    wrong = (labels < 0) | (labels >= n_classes)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"{file} must hold classes from 0 to {n_classes - 1}, those of the real data; row "
            f"{row} holds {labels[row]}"
        )


def _labels(array: _Array, n_images: int) -> tuple[Array, Array | None]:
    """The classes and, if there are any, the soft labels."""
    values, file = array
    if values.dtype.kind == "f" and values.ndim == 2:
        if len(values) != n_images:
            raise ValueError(
                f"{file} labels {len(values)} samples, but there are {n_images} images"
            )
        soft_labels = np.ascontiguousarray(values, np.float32)
        sums = soft_labels.sum(axis=1, dtype=np.float64)
        wrong = ~((soft_labels >= 0).all(axis=1) & (np.abs(sums - 1) <= _LARGEST_ERROR))
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"{file}: row {row} is no probabilities of classes: it sums to {sums[row]:g}, and "
                f"its lowest value is {soft_labels[row].min():g}; take the softmax of logits first"
            )
        return soft_labels.argmax(axis=1).astype(np.int64), soft_labels
    if values.shape == (n_images, 1):
        values = values[:, 0]
    if values.dtype.kind not in "iu" or values.shape != (n_images,):
        raise ValueError(
            f"{file} must hold integers of shape ({n_images},), or probabilities of shape "
            f"({n_images}, classes), got {values.dtype} of shape {values.shape}"
        )
    return values, None  # the writer makes them int64: a large uint64 must not wrap before a check
