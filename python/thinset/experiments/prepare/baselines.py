"""Small training sets that a distilled one is compared with, made of real images by simple means.

Each has a given number of images of each class, so that sets of equal size are equally balanced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from thinset.data.soft_labels import class_numbers
from thinset.distillation.small_set import SmallSet
from thinset.embeddings.pca import principal_components
from thinset.results.audit import RANDOM
from thinset.selection import select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.data import Dataset

    Array = np.ndarray[Any, Any]
    Rows = np.ndarray[Any, np.dtype[np.int64]]

Baseline: TypeAlias = Literal[
    "random", "means", "kmeans", "kmeans_means", "facility_location", "eigenimages"
]
BASELINES: tuple[Baseline, ...] = (
    "random", "means", "kmeans", "kmeans_means", "facility_location",
)  # fmt: skip
"""Those that are compared with by default"""
NAMES: dict[Baseline, str] = {
    "random": RANDOM,
    "means": "class means",
    "kmeans": "k-means, nearest images",
    "kmeans_means": "k-means, mean images",
    "facility_location": "facility location",
    "eigenimages": "eigenimages",
}
"""What results call them"""
OF_REAL_IMAGES: tuple[Baseline, ...] = ("random", "kmeans", "facility_location")
"""Those that are real images, of which there can be any number"""
NEEDS_EMBEDDINGS: tuple[Baseline, ...] = ("kmeans", "kmeans_means", "facility_location")

_ROWS_AT_ONCE = 4096


def baseline_set(
    name: Baseline, data: Dataset, embeddings: Array | None, counts: Rows, seed: int
) -> SmallSet:
    """The set of `counts[c]` images of each class c, made from `data`.

    `embeddings`: (N, D), a row for each sample; see NEEDS_EMBEDDINGS.

    random: images drawn without repetition. means: each class is divided at random into as many
    parts as images, of which each is the mean of one; for one image, the class mean. kmeans: the
    images nearest to the centres of k-means on the embeddings of a class. kmeans_means: for each of
    these, the mean of all images of the class that are nearer to it than to the others.
    facility_location: the images that represent their class best by facility location on the
    embeddings. eigenimages: the class mean, then the mean one standard deviation up and down along
    each principal component of the class's pixels, in the order of their variances. Means are
    float32, and eigenimages may leave [0, 1].

    Raises ValueError for a class with fewer samples than images.
    """
    require_enough(data, counts)
    labels = np.asarray(class_numbers(data))
    generator = np.random.default_rng(seed)
    images = []
    for number, rows in _classes(labels, counts):
        count = int(counts[number])
        if name == "random":
            images.append(_read(data, generator.permutation(rows)[:count]))
        elif name == "means":
            parts = np.array_split(generator.permutation(rows), count)
            images.append(np.stack([_mean(data, part) for part in parts]))
        elif name == "eigenimages":
            images.append(_eigenimages(data, rows, count))
        else:
            assert embeddings is not None
            method = "facility_location" if name == "facility_location" else "kmeans"
            own = np.ascontiguousarray(embeddings[rows])
            picks = select(own, count, method, random_state=seed).indices
            if name == "kmeans_means":
                images.append(_means_around(data, rows, own, picks))
            else:
                images.append(_read(data, rows[picks]))
    return SmallSet(
        np.concatenate(images), np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    )


def require_enough(data: Dataset, counts: Rows) -> None:
    """Raise ValueError, naming the class, for one with fewer samples in `data` than images."""
    available = counts_of(np.asarray(class_numbers(data)), len(counts))
    for number in np.flatnonzero(available < counts):
        raise ValueError(
            f"{data.name}: class {number} has {available[number]} samples, fewer than the "
            f"{counts[number]} images of it in the set"
        )


def counts_of(labels: Array, n_classes: int) -> Rows:
    """How many samples each class has."""
    return np.bincount(labels, minlength=n_classes).astype(np.int64)


def grown(counts: Rows, n_images: int) -> Rows:
    """`counts` with more images, one at a time to the class that has the fewest."""
    counts = counts.copy()
    while counts.sum() < n_images:
        counts[int(np.argmin(counts))] += 1
    return counts


def _classes(labels: Array, counts: Rows) -> Iterator[tuple[int, Rows]]:
    for number, count in enumerate(counts):
        if count > 0:
            yield number, np.flatnonzero(labels == number)


def _read(data: Dataset, rows: Rows) -> Array:
    # In ascending order a memory-mapped file is read once.
    order = np.argsort(rows, kind="stable")
    images = np.empty((len(rows), *data.image_shape), data.images.dtype)
    images[order] = data.images[rows[order]]
    return images


def _mean(data: Dataset, rows: Rows) -> Array:
    """The mean image in [0, 1], float32."""
    total = np.zeros(data.image_shape)
    for part in _pieces(np.sort(rows)):
        total += _unit(data.images[part]).sum(axis=0, dtype=np.float64)
    return (total / len(rows)).astype(np.float32)


def _means_around(data: Dataset, rows: Rows, embeddings: Array, picks: Rows) -> Array:
    centres = np.asarray(embeddings[picks], np.float64)
    nearest = np.concatenate(
        [_nearest(np.asarray(part, np.float64), centres) for part in _pieces(embeddings)]
    )
    # A pick belongs to itself, even where an equal row was picked before it.
    nearest[picks] = np.arange(len(picks))
    return np.stack([_mean(data, rows[nearest == number]) for number in range(len(picks))])


def _eigenimages(data: Dataset, rows: Rows, count: int) -> Array:
    """Turk and Pentland, "Eigenfaces for Recognition", 1991: the mean and steps away from it."""
    n_components = count // 2
    images = [_mean(data, rows)]
    if n_components:
        pixels = _unit(data.images[np.sort(rows)]).reshape(len(rows), -1)
        n_components = min(n_components, pixels.shape[1])
        _, variances, components = principal_components(pixels, n_components)
        for variance, component in zip(variances, components, strict=True):
            step = (np.sqrt(variance) * component).reshape(data.image_shape)
            images += [images[0] + step, images[0] - step]
    if len(images) < count:
        raise ValueError(
            f"{data.name}: images of {pixels.shape[1]} values have {len(images)} eigenimages of a "
            f"class, fewer than the {count} images of it in the set"
        )
    return np.stack(images[:count]).astype(np.float32)


def _nearest(rows: Array, centres: Array) -> Rows:
    distances = (centres**2).sum(axis=1) - 2 * rows @ centres.T
    return np.asarray(distances.argmin(axis=1), np.int64)


def _pieces(values: Array) -> Iterator[Array]:
    for start in range(0, len(values), _ROWS_AT_ONCE):
        yield values[start : start + _ROWS_AT_ONCE]


def _unit(images: Array) -> Array:
    return images / np.float32(255) if images.dtype == np.uint8 else images
