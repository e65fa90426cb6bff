"""Principal components as embeddings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.embeddings.describe import row_chunks
from thinset.embeddings.store import (
    fingerprint,
    require_output_apart,
    stored_embeddings,
    write_embeddings,
)
from thinset.training.loop.settings import dataset_fingerprint

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from thinset.data.batches import ImageArrays

    Matrix = np.ndarray[Any, np.dtype[np.float64]]

TOLERANCE = 1e-2
"""Largest residual of a component as an eigenvector, relative to the last component's variance."""

_OVERSAMPLING = 8
_MOST_PASSES = 12


def pca(
    samples: np.ndarray[Any, Any] | ImageArrays,
    n_components: int,
    out: str | os.PathLike[str],
    *,
    before_piece: Callable[[], None] | None = None,
) -> np.memmap[Any, np.dtype[np.float32]]:
    """Project samples on their first principal components: a matrix (N, n_components), float32.

    `samples`: an embedding matrix (N, D) of floats, or a dataset, whose images are taken as rows of
    pixel values. Read in pieces, so it may be larger than memory. Components are ordered by
    decreasing variance. The sign of each makes its largest loading positive, so that equal data
    give equal embeddings.

    The components are found by block Lanczos iteration from a fixed start (Golub and Underwood,
    1977), which reads the samples a few times instead of summing a D x D covariance C: until every
    component v with the variance s has |C v - s v| <= TOLERANCE times the smallest s, or for 12
    readings. Where D <= n_components + 8, one reading gives them exactly. Extra memory: up to
    16 (n_components + 8) D bytes for every reading.

    Writes embeddings.npy and embeddings.json, with the explained variances, to the folder `out` and
    maps the matrix read-only; reuses an existing matrix of the same samples. `before_piece` is
    called before each piece is read; an exception from it ends the computation. Raises ValueError
    unless 1 <= n_components <= min(N, D), and for values that are not finite.
    """
    began = time.monotonic()
    rows = samples if isinstance(samples, np.ndarray) else samples.images
    n_samples, n_values = len(rows), int(np.prod(rows.shape[1:]))
    if not 1 <= n_components <= min(n_samples, n_values):
        raise ValueError(
            f"n_components must be from 1 to {min(n_samples, n_values)} for {n_samples} samples of "
            f"{n_values} values, got {n_components}"
        )
    identity = {"samples": _identity_of(samples), "encoder": f"pca, {n_components} components"}
    require_output_apart(out, rows)
    stored = stored_embeddings(out, identity, n_samples)
    if stored is not None:
        return stored
    centred = _CentredRows(rows, before_piece)
    variances, components = _principal_components(centred, n_components)
    total = centred.total_variance()
    facts = {
        "explained_variance": variances.tolist(),
        "explained_share": float(variances.sum()) / total if total > 0 else 0.0,
    }
    columns = components.astype(centred.dtype)
    projected = (chunk @ columns for chunk in centred.chunks())
    return write_embeddings(
        out, projected, n_samples=n_samples, identity=identity, facts=facts, began=began
    )


def principal_components(
    rows: np.ndarray[Any, Any], n_components: int
) -> tuple[Matrix, Matrix, Matrix]:
    """The mean, the largest variances and their directions, found as `pca` finds them.

    rows: (N, ...) of D values each. Returns the mean (D,), the variances (n_components,), in
    decreasing order, and the components (n_components, D). n_components is at most D. Raises
    ValueError for rows that are not finite.
    """
    centred = _CentredRows(rows, None)
    variances, components = _principal_components(centred, n_components)
    return centred.mean, variances, components.T


class _CentredRows:
    """Samples as rows of values around their mean, read in pieces.

    Float64 is kept; everything else is computed in float32, with sums over pieces in float64.
    """

    def __init__(self, rows: np.ndarray[Any, Any], before_piece: Callable[[], None] | None) -> None:
        self._rows = rows
        self._before_piece = before_piece
        self.n_values = int(np.prod(rows.shape[1:]))
        self.dtype = np.result_type(np.float32, rows.dtype)
        total = np.zeros(self.n_values)
        for chunk in self._pieces():
            total += chunk.reshape(len(chunk), -1).sum(axis=0, dtype=np.float64)
        if not np.isfinite(total).all():
            raise ValueError("samples must be finite, but contain NaN or infinity")
        self.mean = (total / len(rows)).astype(self.dtype)

    def chunks(self) -> Iterator[np.ndarray[Any, Any]]:
        for chunk in self._pieces():
            yield np.subtract(chunk.reshape(len(chunk), -1), self.mean, dtype=self.dtype)

    def _pieces(self) -> Iterator[np.ndarray[Any, Any]]:
        for piece in row_chunks(self._rows):
            if self._before_piece is not None:
                self._before_piece()
            yield piece

    def covariance_times(self, block: Matrix) -> Matrix:
        product = np.zeros(block.shape)
        columns = block.astype(self.dtype)
        for chunk in self.chunks():
            product += chunk.T @ (chunk @ columns)
        return product / max(len(self._rows) - 1, 1)

    def total_variance(self) -> float:
        squares = 0.0
        for chunk in self.chunks():
            squares += float(np.square(chunk, dtype=np.float64).sum())
        return squares / max(len(self._rows) - 1, 1)


def _principal_components(centred: _CentredRows, n_components: int) -> tuple[Matrix, Matrix]:
    """The largest variances, decreasing, and their components as columns (D, n_components)."""
    n_columns = min(centred.n_values, n_components + _OVERSAMPLING)
    start = np.random.default_rng(0).normal(size=(centred.n_values, n_columns))
    block = np.linalg.qr(start)[0]
    basis = products = np.empty((centred.n_values, 0))
    for _ in range(_MOST_PASSES):
        product = centred.covariance_times(block)
        basis = np.hstack([basis, block])
        products = np.hstack([products, product])
        projected = basis.T @ products
        rising, vectors = np.linalg.eigh((projected + projected.T) / 2)
        variances = np.maximum(rising[::-1][:n_components], 0.0)
        coordinates = vectors[:, ::-1][:, :n_components]
        components = basis @ coordinates
        residuals = np.linalg.norm(products @ coordinates - variances * components, axis=0)
        if residuals.max() <= TOLERANCE * variances[-1]:
            break
        block = _new_directions(product, basis)
        if block.shape[1] == 0:
            break
    largest = np.abs(components).argmax(axis=0)
    return variances, components * np.sign(components[largest, np.arange(n_components)])


def _new_directions(product: Matrix, basis: Matrix) -> Matrix:
    """Orthonormal columns that span the part of `product` outside the basis; possibly none."""
    outside = product - basis @ (basis.T @ product)
    left, sizes, _ = np.linalg.svd(outside, full_matrices=False)
    n_free = basis.shape[0] - basis.shape[1]
    kept = left[:, sizes > 1e-7 * np.linalg.norm(product)][:, :n_free]
    return np.linalg.qr(kept - basis @ (basis.T @ kept))[0]


def _identity_of(samples: np.ndarray[Any, Any] | ImageArrays) -> str:
    return fingerprint(samples) if isinstance(samples, np.ndarray) else dataset_fingerprint(samples)
