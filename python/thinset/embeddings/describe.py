"""Describes an embedding matrix and finds its dead elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

_VALUES_PER_CHUNK = 4_000_000


@dataclass(frozen=True)
class EmbeddingFacts:
    """Figures of an embedding matrix (N, D).

    `constant_columns`: elements with the same value for every sample. They cannot distinguish
    samples, and selecting by them (Eq. 4 of the paper) would take arbitrary rows. `minimum`,
    `maximum`: over the whole matrix. `share_of_zeros`: of all values, 0..1.
    """

    n_samples: int
    n_dimensions: int
    constant_columns: tuple[int, ...]
    minimum: float
    maximum: float
    share_of_zeros: float


def describe_embeddings(embeddings: np.ndarray[Any, Any]) -> EmbeddingFacts:
    """Describe a matrix (N, D) of floats in one pass; a memory-mapped one is read in pieces.

    Raises ValueError unless the matrix is two-dimensional, not empty and finite.
    """
    if embeddings.ndim != 2 or embeddings.size == 0:
        raise ValueError(
            f"embeddings must be (N, D) with N and D at least 1, got shape {embeddings.shape}"
        )
    n_samples, n_dimensions = embeddings.shape
    lowest = np.full(n_dimensions, np.inf)
    highest = np.full(n_dimensions, -np.inf)
    n_zeros = 0
    for rows in row_chunks(embeddings):
        lowest = np.minimum(lowest, rows.min(axis=0))
        highest = np.maximum(highest, rows.max(axis=0))
        n_zeros += rows.size - int(np.count_nonzero(rows))
    if not (np.isfinite(lowest).all() and np.isfinite(highest).all()):
        raise ValueError("embeddings must be finite, but contain NaN or infinity")
    constant = np.flatnonzero(lowest == highest)
    return EmbeddingFacts(
        n_samples=n_samples,
        n_dimensions=n_dimensions,
        constant_columns=tuple(int(column) for column in constant),
        minimum=float(lowest.min()),
        maximum=float(highest.max()),
        share_of_zeros=n_zeros / embeddings.size,
    )


def row_chunks(array: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield consecutive rows of `array`, some megabytes at a time."""
    values_per_row = max(1, array[0].size)
    n_rows = max(1, _VALUES_PER_CHUNK // values_per_row)
    for start in range(0, len(array), n_rows):
        yield array[start : start + n_rows]
