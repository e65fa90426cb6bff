"""Principal components as embeddings."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.embeddings.describe import row_chunks
from thinset.embeddings.store import stored_embeddings, write_embeddings
from thinset.training.settings import dataset_fingerprint

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from thinset.data.batches import ImageArrays

LARGEST_DIMENSION = 16_384
"""The covariance of this many values takes 2 GiB."""


def pca(
    samples: np.ndarray[Any, Any] | ImageArrays,
    n_components: int,
    out: str | os.PathLike[str],
) -> np.memmap[Any, np.dtype[np.float32]]:
    """Project samples on their first principal components: a matrix (N, n_components), float32.

    `samples`: an embedding matrix (N, D) of floats, or a dataset, whose images are taken as rows of
    pixel values. Read in pieces three times, so it may be larger than memory; mean and covariance
    (D x D) are summed in float64. Components are ordered by falling variance, and each has the sign
    that makes its largest loading positive, so that equal data give equal embeddings.

    Writes embeddings.npy and embeddings.json, with the explained variances, to the folder `out` and
    maps the matrix read-only; reuses it where it is of the same samples already. Raises ValueError
    unless 1 <= n_components <= min(N, D), for D above LARGEST_DIMENSION and for values that are
    not finite.
    """
    rows = samples if isinstance(samples, np.ndarray) else samples.images
    n_samples, n_values = len(rows), int(np.prod(rows.shape[1:]))
    if not 1 <= n_components <= min(n_samples, n_values):
        raise ValueError(
            f"n_components must be from 1 to {min(n_samples, n_values)} for {n_samples} samples of "
            f"{n_values} values, got {n_components}"
        )
    if n_values > LARGEST_DIMENSION:
        raise ValueError(
            f"samples must have at most {LARGEST_DIMENSION} values each, got {n_values}"
        )
    identity = {"samples": _fingerprint(samples), "encoder": f"pca, {n_components} components"}
    stored = stored_embeddings(out, identity)
    if stored is not None:
        return stored
    mean = _mean(rows)
    variances, components = _principal_components(_covariance(rows, mean), n_components)
    total = float(variances.sum())
    facts = {
        "explained_variance": variances[:n_components].tolist(),
        "explained_share": float(variances[:n_components].sum()) / total if total > 0 else 0.0,
    }
    projected = ((chunk - mean) @ components for chunk in _flat_chunks(rows))
    return write_embeddings(out, projected, n_samples=n_samples, identity=identity, facts=facts)


def _flat_chunks(rows: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, np.dtype[np.float64]]]:
    for chunk in row_chunks(rows):
        yield chunk.reshape(len(chunk), -1).astype(np.float64)


def _mean(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    total = np.zeros(int(np.prod(rows.shape[1:])))
    for chunk in _flat_chunks(rows):
        total += chunk.sum(axis=0)
    if not np.isfinite(total).all():
        raise ValueError("samples must be finite, but hold NaN or infinity")
    return total / len(rows)


def _covariance(
    rows: np.ndarray[Any, Any], mean: np.ndarray[Any, np.dtype[np.float64]]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    covariance = np.zeros((len(mean), len(mean)))
    for chunk in _flat_chunks(rows):
        centred = chunk - mean
        covariance += centred.T @ centred
    return covariance / max(len(rows) - 1, 1)


def _principal_components(
    covariance: np.ndarray[Any, np.dtype[np.float64]], n_components: int
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
    """All variances, falling, and the first components as columns (D, n_components)."""
    rising, vectors = np.linalg.eigh(covariance)
    variances = np.maximum(rising[::-1], 0.0)
    components = vectors[:, ::-1][:, :n_components]
    largest = np.abs(components).argmax(axis=0)
    signs = np.sign(components[largest, np.arange(n_components)])
    return variances, components * signs


def _fingerprint(samples: np.ndarray[Any, Any] | ImageArrays) -> str:
    if not isinstance(samples, np.ndarray):
        return dataset_fingerprint(samples)
    digest = hashlib.sha256(f"{samples.dtype} {samples.shape}\n".encode())
    for chunk in row_chunks(samples):
        digest.update(np.ascontiguousarray(chunk).tobytes())
    return digest.hexdigest()
