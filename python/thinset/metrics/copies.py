"""Generated images that nearly repeat a training image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.metrics.images import as_images, blocks_of_rows, pixel_rows
from thinset.metrics.neighbours import Neighbours, nearest
from thinset.seeds import require_seed
from thinset.selection.arguments import is_int, is_real, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset.data.encoded_images import EncodedImages

_BLOCK_BYTES = 1 << 28


@dataclass(frozen=True)
class NearCopies:
    """The nearest training image of each generated one, and how many are nearly the same.

    Attributes:
        indices: (n,) int64, rows of the training images.
        distances: (n,) float64, Euclidean between pixels in [0, 1].
        threshold: the distance below which an image is a near-copy.
        share: the share of near-copies, 0..1.
        n_measured: the training images whose distances gave the threshold.
    """

    threshold: float
    share: float
    indices: NDArray[np.int64]
    distances: NDArray[np.float64]
    quantile: float
    n_measured: int

    @property
    def is_copy(self) -> NDArray[np.bool_]:
        """Whether each generated image is a near-copy."""
        return self.distances < self.threshold


def near_copies(
    generated: object,
    real: object,
    *,
    quantile: float = 0.01,
    n_measured: int | None = None,
    seed: int = 0,
    n_threads: int | None = None,
) -> NearCopies:
    """Find the nearest training image of each generated image, and the share of near-copies.

    A near-copy is closer to its nearest training image than the 1st percentile of the distances
    between training images and their nearest other ones. Where the training set itself holds 1 % of
    exact duplicates, this threshold is 0 and no image is below it.

    Args:
        generated: a Dataset, an array (N, height, width, channels) or a tensor (N, channels,
            height, width), uint8 or floats in [0, 1].
        real: the training images, in any of these forms.
        n_measured: measure the threshold on so many training images, drawn with `seed`; None for
            all.

    Images are converted block by block, so that datasets larger than memory work. Raises ValueError
    for images of different shape or outside [0, 1], and for a seed below 0.
    """
    copies, originals = as_images(generated, "generated"), as_images(real, "real")
    if copies.shape[1:] != originals.shape[1:]:
        raise ValueError(
            f"generated and real images must have one shape (height, width, channels), got "
            f"{tuple(copies.shape[1:])} and {tuple(originals.shape[1:])}"
        )
    if not is_real(quantile) or not 0.0 <= quantile <= 1.0:
        raise ValueError(f"quantile must be in [0, 1], got {shown(quantile)}")
    require_seed("seed", seed)
    measured = _measured_rows(len(originals), n_measured, seed)
    among_real = _nearest_images(originals, originals, measured, n_threads, ("real", "real"))
    threshold = float(np.quantile(among_real.distances, quantile))
    found = _nearest_images(copies, originals, None, n_threads, ("generated", "real"))
    return NearCopies(
        threshold=threshold,
        share=float((found.distances < threshold).mean()),
        indices=found.indices[:, 0],
        distances=found.distances[:, 0],
        quantile=float(quantile),
        n_measured=len(measured),
    )


def _measured_rows(n_real: int, n_measured: int | None, seed: int) -> NDArray[np.int64]:
    if n_real < 2:
        raise ValueError(f"real must hold at least two images, got {n_real}")
    if n_measured is None:
        return np.arange(n_real)
    if not is_int(n_measured) or not 1 <= n_measured <= n_real:
        raise ValueError(f"n_measured must be an int in [1, {n_real}], got {shown(n_measured)}")
    return np.sort(np.random.default_rng(seed).choice(n_real, n_measured, replace=False))


def _nearest_images(
    queries: NDArray[Any] | EncodedImages,
    real: NDArray[Any] | EncodedImages,
    rows: NDArray[np.int64] | None,
    n_threads: int | None,
    names: tuple[str, str],
) -> Neighbours:
    """The nearest real image of each query; for `rows` of the real images, another one."""
    n_queries = len(queries) if rows is None else len(rows)
    indices = np.full((n_queries, 1), -1, np.int64)
    distances = np.full((n_queries, 1), np.inf)
    row_bytes = 4 * int(np.prod(real.shape[1:]))
    for start, stop in blocks_of_rows(len(real), row_bytes, _BLOCK_BYTES):
        reference = pixel_rows(real, start, stop, names[1])
        for first, last in blocks_of_rows(n_queries, row_bytes, _BLOCK_BYTES):
            skipped = None
            if rows is None:
                asked = pixel_rows(queries, first, last, names[0])
            else:
                asked = _chosen_pixel_rows(queries, rows[first:last], names[0])
                inside = (rows[first:last] >= start) & (rows[first:last] < stop)
                skipped = np.where(inside, rows[first:last] - start, -1)
            found = nearest(asked, reference, 1, skipped=skipped, n_threads=n_threads)
            # Blocks come in ascending order: equal distances stay with the lower row.
            nearer = found.distances < distances[first:last]
            indices[first:last][nearer] = found.indices[nearer] + start
            distances[first:last][nearer] = found.distances[nearer]
    return Neighbours(indices, distances)


def _chosen_pixel_rows(
    images: NDArray[Any] | EncodedImages, rows: NDArray[np.int64], name: str
) -> NDArray[np.float32]:
    if rows[-1] - rows[0] + 1 == len(rows):
        return pixel_rows(images, int(rows[0]), int(rows[-1]) + 1, name)
    return pixel_rows(images.take(rows, axis=0), 0, len(rows), name)
