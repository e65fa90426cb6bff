"""Any map-style Dataset of torch that gives (image, label)."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from thinset.data.provenance import ImportedFrom
from thinset.data.sources.encoded_image import resized
from thinset.data.sources.image_layout import is_channels_first
from thinset.data.sources.image_stream import BATCH_SIZE, ImageStream
from thinset.data.sources.value_range import GREY_LEVELS
from thinset.data.sources.write_stream import write_stream
from thinset.data.store import Dataset, open_dataset
from thinset.files.overlap import require_apart

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from thinset.data.sources.image_stream import Batch

    Array = np.ndarray[Any, Any]

_MOST_LOOKED_AT = 64


class MapStyle(Protocol):
    """A dataset with a length and items (image, label), such as those of torchvision."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def import_map_style(
    dataset: MapStyle,
    out: str | os.PathLike[str],
    *,
    name: str | None = None,
    class_names: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Dataset:
    """Write items 0..len-1 of a map-style dataset as a dataset folder `out`.

    Images may be PIL images, arrays (height, width[, channels]) or ([1 or 3,] height, width), or
    torch tensors ([channels,] height, width). uint8 stays; other integers in 0..255 become uint8,
    booleans 0 and 255; floating point in 0..1 is scaled to 0..255 and rounded (the exact inverse of
    torchvision's ToTensor), floating point in 0..255 is rounded. The first image that is not black
    decides which of the two ranges it is. All must have the shape of the first. Labels are integers
    from 0. `class_names` defaults to the dataset's own `classes`, `name` to its type's. Give the
    dataset without random transforms: the first items are read twice, all others once.

    Raises ValueError or TypeError naming the first item that is not so, ValueError if `out`
    would replace the files of the dataset, and FileExistsError as DatasetWriter.
    """
    if len(dataset) < 1:
        raise ValueError("the dataset is empty")
    require_apart(out, *_files_behind(dataset))
    class_names = getattr(dataset, "classes", None) if class_names is None else class_names
    reader = _Reader(dataset)
    kind = f"{type(dataset).__module__}.{type(dataset).__qualname__}"
    stream = ImageStream(
        name=type(dataset).__name__ if name is None else name,
        n_samples=len(dataset),
        image_shape=reader.shape,
        batches=reader.batches,
        class_names=None if class_names is None else tuple(class_names),
        provenance=ImportedFrom(source="map-style", dataset=kind, notes=reader.notes),
    )
    write_stream(
        resized(stream, size),
        out,
        name=stream.name,
        overwrite=overwrite,
        show_progress=show_progress,
    )
    return open_dataset(out)


def _files_behind(dataset: object) -> Iterator[object]:
    """What a dataset holds of paths and arrays, which may be mapped from files."""
    while dataset is not None:
        for name, value in getattr(dataset, "__dict__", {}).items():
            # Text is a path only where it is called so; class names are text, too.
            if name in ("root", "path") or not isinstance(value, (str, list, tuple)):
                yield value
        dataset = getattr(dataset, "dataset", None)  # of a torch Subset


class _Reader:
    """Reads items as uint8 images of one shape, from the one range of values that they have."""

    def __init__(self, dataset: MapStyle) -> None:
        self._dataset = dataset
        self.notes: list[str] = []
        first = _item(dataset, 0)[0]
        self._channels_first = is_channels_first(first.shape)
        if self._channels_first:
            self.notes.append(f"images of shape {first.shape} have their channels first")
        self._is_scaled = self._find_range()
        height, width, channels = self._pixels(first, 0).shape
        self.shape = (height, width, channels)

    def batches(self) -> Iterator[Batch]:
        for start in range(0, len(self._dataset), BATCH_SIZE):
            images, labels = [], []
            for index in range(start, min(start + BATCH_SIZE, len(self._dataset))):
                image, label = _item(self._dataset, index)
                pixels = self._pixels(image, index)
                if pixels.shape != self.shape:
                    raise ValueError(
                        f"item {index} has the shape {pixels.shape}, but item 0 has {self.shape} "
                        "(height, width, channels)"
                    )
                images.append(pixels)
                labels.append(label)
            yield np.stack(images), np.array(labels, dtype=np.int64)

    def _find_range(self) -> bool:
        """Whether floating-point images are in 0..255, as the first one tells that is not black."""
        for index in range(min(len(self._dataset), _MOST_LOOKED_AT)):
            image, _ = _item(self._dataset, index)
            if image.dtype.kind != "f":
                return False
            if image.size and image.max() > 0:
                if image.min() >= 0 and 1 < image.max() <= GREY_LEVELS:
                    self.notes.append(f"{image.dtype} images in 0..{GREY_LEVELS} are rounded")
                    return True
                return False
        return False

    def _pixels(self, image: Array, index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        if image.ndim != 3:
            raise ValueError(f"item {index}: an image has 2 or 3 dimensions, got {image.shape}")
        if self._channels_first:
            image = image.transpose(1, 2, 0)
        if image.dtype == np.uint8:
            return image
        if image.dtype == bool:
            return np.asarray(image, np.uint8) * np.uint8(GREY_LEVELS)
        if image.dtype.kind not in "iuf":
            raise ValueError(f"item {index}: images must hold numbers, got {image.dtype}")
        is_unit = image.dtype.kind == "f" and not self._is_scaled
        limit = 1 if is_unit else GREY_LEVELS
        # Written so that NaN fails it too.
        if not (image.min() >= 0 and image.max() <= limit):
            raise ValueError(
                f"item {index}: {image.dtype} images must be in 0..{limit}"
                f"{' as the first ones are' if image.dtype.kind == 'f' else ''}, "
                f"got {image.min()}..{image.max()}; leave out transforms that normalise"
            )
        # Rounded, all of these would be black.
        is_fraction = image.dtype.kind == "f" and not is_unit and image.max() <= 1
        if is_fraction and ((image > 0) & (image < 1)).any():
            raise ValueError(
                f"item {index}: {image.dtype} images must be in 0..{GREY_LEVELS} as the first ones "
                f"are, got {image.min()}..{image.max()}; give all images the same scale"
            )
        return np.asarray(np.rint(image * GREY_LEVELS if is_unit else image), dtype=np.uint8)


def _item(dataset: MapStyle, index: int) -> tuple[Array, int]:
    item = dataset[index]
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        raise TypeError(f"item {index} must be a pair (image, label), got {type(item).__name__}")
    image, label = item
    try:
        label = operator.index(label)
    except TypeError:
        raise TypeError(f"item {index}: the label must be an integer, got {label!r}") from None
    if not -(2**63) <= label < 2**63:
        raise ValueError(f"item {index}: the label must fit int64, got {label}")
    return _as_array(image), label


def _as_array(image: Any) -> np.ndarray[Any, Any]:
    if hasattr(image, "detach"):  # a torch tensor, channels first
        array = np.asarray(image.detach().cpu().numpy())
        return array.transpose(1, 2, 0) if array.ndim == 3 else array[..., np.newaxis]
    if getattr(image, "mode", None) == "P":  # a PIL image whose values are indices of a palette
        image = image.convert("RGB")
    array = np.asarray(image)
    return array[..., np.newaxis] if array.ndim == 2 else array
