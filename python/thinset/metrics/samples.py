"""Checks of feature matrices and of the number of samples in them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_SAMPLES = 2048
"""With fewer, the covariance of Inception features has no full rank and FID measures the number."""

_LARGEST = 1e20

MANY_SAMPLES = 10_000
"""The number of samples from which values of FID are usually compared."""


class FewSamplesWarning(UserWarning):
    """A measure was computed from so few samples that its bias matters."""


def as_features(features: object, name: str) -> NDArray[Any]:
    """A matrix (N, D) of float32 or float64, at most 1e20 in magnitude.

    Sixth powers of products, which KID squares, would overflow beyond. ValueError names the first
    bad value.
    """
    matrix = np.asarray(features)
    if matrix.ndim != 2:
        raise ValueError(f"{name} must be a matrix (samples, features), got shape {matrix.shape}")
    if matrix.shape[0] < 2 or matrix.shape[1] < 1:
        raise ValueError(
            f"{name} must have at least two samples and one feature, got shape {matrix.shape}"
        )
    if matrix.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold real numbers, got {matrix.dtype}")
    if matrix.dtype not in (np.float32, np.float64):
        matrix = matrix.astype(np.float32 if matrix.dtype == np.float16 else np.float64)
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(
            f"{name} must be finite: row {row}, column {column} is {matrix[row, column]}"
        )
    too_large = np.abs(matrix) > _LARGEST
    if too_large.any():
        row, column = np.argwhere(too_large)[0]
        raise ValueError(
            f"{name} must be at most {_LARGEST:g} in magnitude: row {row}, column {column} is "
            f"{matrix[row, column]}; divide both sets by one number"
        )
    return np.ascontiguousarray(matrix)


def as_feature_pair(
    one: object, other: object, names: tuple[str, str]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both matrices, of one width and one type."""
    a, b = as_features(one, names[0]), as_features(other, names[1])
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same number of features, got {a.shape[1]} "
            f"and {b.shape[1]}: they come from different extractors"
        )
    common = np.result_type(a, b)
    return a.astype(common, copy=False), b.astype(common, copy=False)


def require_enough(
    n_samples: int, n_features: int, measure: str, *, allow_few: bool, stacklevel: int = 3
) -> None:
    """Refuse too few samples, unless `allow_few`; warn below MANY_SAMPLES.

    `n_samples`: of the smaller set.
    """
    least = max(FEWEST_SAMPLES, n_features)
    if n_samples < least and not allow_few:
        raise ValueError(
            f"{measure} needs at least {least} samples in each set ({FEWEST_SAMPLES:,}, and not "
            f"fewer than the {n_features} features), got {n_samples}: with fewer, it mostly "
            "measures their number; pass allow_few=True to compare sets of equal size"
        )
    if n_samples < MANY_SAMPLES:
        warnings.warn(
            f"{measure} of {n_samples:,} samples is biased upwards: compare it only with values of "
            f"equally many samples; {MANY_SAMPLES:,} are usual",
            FewSamplesWarning,
            stacklevel=stacklevel,
        )
