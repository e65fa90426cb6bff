"""Training and test data that go together, checked before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from thinset.data.batches import ImageRows
    from thinset.data.store import Dataset

_ROWS_LOOKED_AT = 1024
LARGEST_FLOAT = 16.0
"""Floating-point images this far from 0 at most may be standardised"""


def require_matching_splits(train: Dataset, test: Dataset) -> None:
    """Raise ValueError, naming what differs, unless a classifier can be tested on `test`.

    Both need labels or soft labels, images of the same shape, and the same classes: the same names
    where both have names, and no label in `test` beyond the classes of `train`. Floating-point
    images must be about in 0..1, as training takes them; 1,024 rows of each are looked at.
    """
    _require_matching(
        train,
        test,
        f"measuring accuracy needs; give {train.path} alone to hold a part of it out for testing",
    )


def require_matching_samples(train: Dataset, given: Dataset) -> None:
    """Raise ValueError unless a classifier can be trained on `given` instead of or beside `train`.

    What must match: see `require_matching_splits`.
    """
    _require_matching(train, given, "training a classifier needs")


def _require_matching(train: Dataset, other: Dataset, need: str) -> None:
    """`need`: what the labels of `other` are needed for, and what to do without them."""
    require_one_shape(train.image_shape, other.image_shape, str(other.path))
    require_trainable(train, str(train.path))
    if not _has_labels(other):
        raise ValueError(f"{other.path} has no labels, which {need}")
    require_known_range(train)
    require_known_range(other)
    require_matching_classes(train, other, str(other.path))


def require_trainable(train: Dataset, name: str) -> None:
    """Raise ValueError, with `name`, unless a classifier can be trained on `train`."""
    if not _has_labels(train):
        raise ValueError(f"{name} has no labels, which training a classifier needs")
    if train.n_classes < 2:
        raise ValueError(f"{name} has one class; training a classifier needs at least two")


def require_one_shape(train: tuple[int, ...], other: tuple[int, ...], name: str) -> None:
    """Raise ValueError unless images of another split have the shape of the training images."""
    if train != other:
        raise ValueError(
            f"{name} has images of {_times(other)} (height, width, channels), but the training "
            f"images are {_times(train)}; "
            + (
                "`thinset data import --image-size HEIGHT WIDTH` gives all images one size"
                if train[2] == other[2]
                else "both need the same number of channels"
            )
        )


def require_matching_classes(train: Dataset, other: Dataset, name: str) -> None:
    """Raise ValueError unless the labels of another split are classes of the training split.

    A split without labels, or without names for its classes, has nothing to disagree in.
    """
    if not _has_labels(train) or not _has_labels(other) or other is train:
        return
    names = (train.class_names, other.class_names)
    if None not in names and names[0] != names[1]:
        raise ValueError(
            f"{name} has the classes {_few(names[1])}, but the training data have "
            f"{_few(names[0])}; both need the same names in the same order"
        )
    if other.soft_labels is not None and other.n_classes != train.n_classes:
        raise ValueError(
            f"{name} has soft labels for {other.n_classes} classes, but the training data have "
            f"{train.n_classes}; both need the same classes"
        )
    if other.labels is None:
        return
    beyond = np.flatnonzero(np.asarray(other.labels) >= train.n_classes)
    if len(beyond):
        row = int(beyond[0])
        raise ValueError(
            f"{name} has the label {other.labels[row]} in row {row}, but the training data have "
            f"classes 0 to {train.n_classes - 1} only"
        )


def require_known_range(dataset: Dataset) -> None:
    """Raise ValueError, naming a row, for floating-point images that are far from 0..1.

    At most 1,024 rows are looked at, evenly spaced; see also require_finite_images.
    """
    images: np.ndarray[Any, Any] = dataset.images
    if images.dtype.kind != "f":
        return
    step = max(1, len(images) // _ROWS_LOOKED_AT)
    for row in range(0, len(images), step):
        image = images[row]
        if not np.isfinite(image).all():
            raise ValueError(f"{dataset.path}: {_not_finite(images, row)}")
        if image.min() < -LARGEST_FLOAT or image.max() > LARGEST_FLOAT:
            raise ValueError(
                f"{dataset.path}: row {row} has values in {image.min():.6g}..{image.max():.6g}, "
                "but training takes floating-point images in 0..1; `thinset data import` scales "
                "images in 0..255"
            )


def require_finite_images(dataset: Dataset) -> None:
    """Raise ValueError, naming the first such image and the value, for NaN and infinity.

    Reads all images; callers that sum them up know beforehand whether there is anything to find.
    """
    found = not_finite_image(dataset)
    if found is not None:
        raise ValueError(f"{dataset.path}: {found}")


def not_finite_image(rows: ImageRows) -> str | None:
    """What is wrong with the first image that holds NaN or infinity; None if there is none.

    Reads all images until then, unless they are integers or encoded files, which hold neither.
    """
    images = rows.images
    if not isinstance(images, np.ndarray) or images.dtype.kind != "f":
        return None
    for start in range(0, len(images), _ROWS_LOOKED_AT):
        finite = np.isfinite(images[start : start + _ROWS_LOOKED_AT]).all(axis=(1, 2, 3))
        if not finite.all():
            return _not_finite(images, start + int(finite.argmin()))
    return None


def _not_finite(images: np.ndarray[Any, Any], number: int) -> str:
    image = np.asarray(images[number])
    row, column, channel = np.argwhere(~np.isfinite(image))[0]
    return (
        f"image {number} holds {image[row, column, channel]} in row {row}, column {column}, "
        f"channel {channel}; remove the image, or mend it"
    )


def _has_labels(dataset: Dataset) -> bool:
    return dataset.labels is not None or dataset.soft_labels is not None


def _few(names: tuple[str, ...] | None) -> str:
    names = names or ()
    return ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
