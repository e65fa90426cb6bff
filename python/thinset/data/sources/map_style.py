"""Any map-style Dataset of torch that gives (image, label)."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from thinset.data.sources.encoded_image import resized
from thinset.data.sources.image_stream import BATCH_SIZE, ImageStream
from thinset.data.sources.write_stream import write_stream
from thinset.data.store import Dataset, open_dataset
from thinset.overlap import require_apart

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from thinset.data.sources.image_stream import Batch


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

    Images may be PIL images, arrays (height, width[, channels]) or torch tensors ([channels,]
    height, width); uint8, or floating point in 0..1, which is scaled to 0..255 and rounded (the
    exact inverse of torchvision's ToTensor). All must have the shape of the first. Labels are
    integers from 0. `class_names` defaults to the dataset's own `classes`, `name` to its type's.
    Give the dataset without random transforms: each item is read once (item 0 twice).

    Raises ValueError or TypeError naming the first item that does not hold up, ValueError where
    `out` would replace the files of the dataset, and FileExistsError as DatasetWriter.
    """
    if len(dataset) < 1:
        raise ValueError("the dataset is empty")
    require_apart(out, *_files_behind(dataset))
    class_names = getattr(dataset, "classes", None) if class_names is None else class_names
    image, _ = _item(dataset, 0)
    height, width, channels = image.shape
    kind = f"{type(dataset).__module__}.{type(dataset).__qualname__}"
    stream = ImageStream(
        name=type(dataset).__name__ if name is None else name,
        n_samples=len(dataset),
        image_shape=(height, width, channels),
        batches=lambda: _batches(dataset, image.shape),
        class_names=None if class_names is None else tuple(class_names),
        provenance={"kind": "map-style", "dataset": kind},
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


def _batches(dataset: MapStyle, shape: tuple[int, ...]) -> Iterator[Batch]:
    for start in range(0, len(dataset), BATCH_SIZE):
        images, labels = [], []
        for index in range(start, min(start + BATCH_SIZE, len(dataset))):
            image, label = _item(dataset, index)
            if image.shape != shape:
                raise ValueError(
                    f"item {index} has the shape {image.shape}, but item 0 has {shape} "
                    "(height, width, channels)"
                )
            images.append(image)
            labels.append(label)
        yield np.stack(images), np.array(labels, dtype=np.int64)


def _item(dataset: MapStyle, index: int) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], int]:
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
    return _as_uint8(_as_array(image), index), label


def _as_array(image: Any) -> np.ndarray[Any, Any]:
    if hasattr(image, "detach"):  # a torch tensor, channels first
        array = np.asarray(image.detach().cpu().numpy())
        return array.transpose(1, 2, 0) if array.ndim == 3 else array[..., np.newaxis]
    if getattr(image, "mode", None) == "P":  # a PIL image whose values are indices of a palette
        image = image.convert("RGB")
    array = np.asarray(image)
    return array[..., np.newaxis] if array.ndim == 2 else array


def _as_uint8(array: np.ndarray[Any, Any], index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    if array.ndim != 3:
        raise ValueError(f"item {index}: an image has 2 or 3 dimensions, got shape {array.shape}")
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise ValueError(f"item {index}: images must be uint8 or floating point, got {array.dtype}")
    # Written so that NaN fails it too.
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(
            f"item {index}: floating-point images must lie in 0..1, "
            f"got {array.min()}..{array.max()}; leave out transforms that normalise"
        )
    return np.asarray(np.rint(array * 255), dtype=np.uint8)
