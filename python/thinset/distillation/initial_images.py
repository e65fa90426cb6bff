"""What the images of a distillation start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch

from thinset.data.arrays import as_row_indices
from thinset.training.arguments import require_whole, shown
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.data import Dataset

MOST_IMAGES = 10**9
"""Of each class, and in all; more are a mistake"""

Initial: TypeAlias = Literal["noise", "real", "rows"]


def initial_images(
    data: Dataset,
    init: Initial,
    *,
    images_per_class: int | None,
    n_images: int | None,
    rows: np.ndarray[Any, Any] | None,
    mean: Sequence[float],
    deviation: Sequence[float],
    generator: torch.Generator,
    may_miss_classes: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised images (M, C, H, W) float32 and their labels (M,) int64.

    The classes take turns: image i is of class i modulo K, so that a part of the set is as balanced
    as all of it. `init`: "noise" is standard normal; "real" takes random images of each class;
    "rows" takes the rows `rows` of `data`, a selection with as many rows of each class. See
    `distill` for the numbers of images. `may_miss_classes`: whether there may be fewer images than
    classes.

    Raises ValueError for numbers below 1, more images than there are samples, or than a class has
    where they start from real ones, and rows that are not as many of each class.
    """
    labels = image_labels(
        data,
        images_per_class,
        n_images,
        may_miss_classes=may_miss_classes,
        are_real=init != "noise",
    )
    counts = np.bincount(labels, minlength=data.n_classes)
    assert data.labels is not None
    classes = np.asarray(data.labels)
    if init == "noise":
        height, width, channels = data.image_shape
        shape = (len(labels), channels, height, width)
        return torch.randn(shape, generator=generator), torch.from_numpy(labels)
    if init == "real":
        chosen = [
            _random_rows(np.flatnonzero(classes == number), int(count), generator)
            for number, count in enumerate(counts)
        ]
    elif init == "rows":
        if rows is None:
            raise ValueError('init="rows" needs initial_rows, the rows to start from')
        rows = as_row_indices(rows, len(data))
        chosen = [rows[classes[rows] == number] for number in range(data.n_classes)]
        for number, (found, count) in enumerate(zip(chosen, counts, strict=True)):
            if len(found) != count:
                raise ValueError(
                    f"initial_rows must hold {count} rows of class {number}, got {len(found)}; "
                    "select with per_class"
                )
    else:
        raise ValueError(f"init must be noise, real or rows; got {init!r}")
    order = np.empty(len(labels), np.int64)
    for number, found in enumerate(chosen):
        order[labels == number] = found
    images = torch.from_numpy(np.asarray(data.images[order])).permute(0, 3, 1, 2)
    values = to_unit_range(images)
    middle, scale = (torch.tensor(value)[:, None, None] for value in (mean, deviation))
    return ((values - middle) / scale).contiguous(), torch.from_numpy(labels)


def image_labels(
    data: Dataset,
    images_per_class: int | None,
    n_images: int | None,
    *,
    may_miss_classes: bool,
    are_real: bool,
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The classes (M,) of the images to learn; see initial_images, which raises the same errors.

    `are_real`: whether the images start from real ones, of which there must be enough.
    """
    counts = _class_counts(data)
    for name, number in (("images_per_class", images_per_class), ("n_images", n_images)):
        if number is not None:
            require_whole(name, number)
            if number > MOST_IMAGES:
                raise ValueError(f"{name} must be at most {MOST_IMAGES:,}, got {shown(number)}")
    if (images_per_class is None) == (n_images is None):
        raise ValueError("give images_per_class or n_images, and not both")
    if n_images is not None:
        least = 1 if may_miss_classes else data.n_classes
        if n_images < least:
            why = "" if may_miss_classes else ", one for each class, unless labels are learned"
            raise ValueError(f"n_images must be at least {least}{why}; got {n_images}")
    else:
        assert images_per_class is not None
        if images_per_class < 1:
            raise ValueError(f"images_per_class must be at least 1, got {images_per_class}")
        n_images = images_per_class * data.n_classes
    whole, rest = divmod(n_images, data.n_classes)
    wanted = whole + (np.arange(data.n_classes) < rest)
    if are_real and (wanted > counts).any():
        number = int(np.argmax(wanted > counts))
        raise ValueError(
            f"{data.name}: {_name_of(data, number)} has {counts[number]} samples, but "
            f"{wanted[number]} images of it are to start from real ones"
        )
    if n_images > len(data):
        name = "n_images" if images_per_class is None else "images_per_class"
        raise ValueError(
            f"{name} must give no more images than {data.name} has samples, {len(data):,}; "
            f"got {n_images:,} images"
        )
    return np.arange(n_images, dtype=np.int64) % data.n_classes


def _class_counts(data: Dataset) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The number of samples of each class (K,), all above 0."""
    if data.labels is None:
        raise ValueError(f"{data.name} has no labels, which distillation needs")
    labels = np.asarray(data.labels)
    if labels.min() < 0:
        raise ValueError(f"{data.name} has samples without a label; leave them out first")
    counts = np.bincount(labels, minlength=data.n_classes)
    if (counts == 0).any():
        raise ValueError(f"{data.name}: {_name_of(data, int(np.argmin(counts)))} has no samples")
    return counts


def _name_of(data: Dataset, number: int) -> str:
    return f"class {number}" + (
        "" if data.class_names is None else f" ({data.class_names[number]})"
    )


def _random_rows(
    rows: np.ndarray[Any, Any], count: int, generator: torch.Generator
) -> np.ndarray[Any, Any]:
    """Some of the rows in random order, without repetition."""
    order = torch.randperm(len(rows), generator=generator)[:count]
    return np.asarray(rows[order.numpy()])
