"""The Fréchet distance between two sets of features, known as FID.

Heusel, Ramsauer, Unterthiner, Nessler and Hochreiter (2017), "GANs Trained by a Two Time-Scale
Update Rule Converge to a Local Nash Equilibrium": |m - m'|^2 + Tr(S + S' - 2 (S S')^(1/2)), with
means m and covariances S.

The trace of the root is the sum of the singular values of R R'^T, where S = R^T R and S' = R'^T R'.
Implementations that take roots of the eigenvalues of S S' lose half the digits where a covariance
has no full rank: dead or dependent features then give values below zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.metrics.samples import as_feature_pair, require_enough

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class FrechetDistance:
    """The squared Fréchet distance of two Gaussians fitted to features, and the numbers of samples.

    value is |difference of means|^2 (`of_means`) plus the part of the covariances.
    """

    value: float
    of_means: float
    n_a: int
    n_b: int
    n_features: int

    def __float__(self) -> float:
        return self.value


def frechet_distance(
    features_a: object, features_b: object, *, allow_few: bool = False
) -> FrechetDistance:
    """FID between two feature matrices (N, D) of one extractor, computed in float64.

    The distance is symmetric. Needs 2,048 samples and no fewer than D in each set; `allow_few`
    lifts this. Warns (FewSamplesWarning) below 10,000. Raises ValueError for too few samples,
    matrices that do not fit and values that are not finite.
    """
    a, b = as_feature_pair(features_a, features_b, ("features_a", "features_b"))
    require_enough(min(len(a), len(b)), a.shape[1], "FID", allow_few=allow_few)
    mean_a, root_a = _mean_and_root(a)
    mean_b, root_b = _mean_and_root(b)
    difference = mean_a - mean_b
    of_means = float(difference @ difference)
    roots = np.linalg.svd(root_a @ root_b.T, compute_uv=False)
    of_covariances = (root_a**2).sum() + (root_b**2).sum() - 2.0 * roots.sum()
    return FrechetDistance(
        # Rounding may put equal sets slightly below 0.
        value=max(0.0, of_means + float(of_covariances)),
        of_means=of_means,
        n_a=len(a),
        n_b=len(b),
        n_features=a.shape[1],
    )


def _mean_and_root(
    features: NDArray[Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean (D,) and a root R of the covariance R^T R, from the triangle of a QR."""
    n_samples, n_features = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    root: NDArray[np.float64] = np.empty((0, n_features))
    # Block by block: memory does not grow with the number of samples.
    n_rows = max(4 * n_features, 1024)
    for start in range(0, n_samples, n_rows):
        centred = features[start : start + n_rows].astype(np.float64) - mean
        root = np.asarray(np.linalg.qr(np.concatenate([root, centred]), mode="r"))
    return mean, root / np.sqrt(n_samples - 1)
