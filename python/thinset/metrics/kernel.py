"""The kernel distance between two sets of features, known as KID.

Binkowski, Sutherland, Arbel and Gretton (2018), "Demystifying MMD GANs": the unbiased estimate of
the squared maximum mean discrepancy under the kernel (x.y / D + 1)^3, averaged over subsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.metrics.samples import as_feature_pair, as_features
from thinset.seeds import require_seed
from thinset.selection.arguments import is_int, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEGREE = 3


@dataclass(frozen=True)
class KernelDistance:
    """Mean and standard deviation over subsets; unbiased, so that values may be below 0."""

    value: float
    spread: float
    n_subsets: int
    subset_size: int
    n_a: int
    n_b: int
    seed: int

    def __float__(self) -> float:
        return self.value


def kernel_distance(
    features_a: object,
    features_b: object,
    seed: int,
    *,
    n_subsets: int = 100,
    subset_size: int = 1000,
) -> KernelDistance:
    """KID between two feature matrices (N, D) of one extractor, computed in float64.

    Each subset is drawn without replacement from both sets; `seed` draws them. Raises ValueError
    for sets smaller than `subset_size`, matrices that do not fit, values that are not finite and a
    seed below 0.
    """
    a, b = as_feature_pair(features_a, features_b, ("features_a", "features_b"))
    _require_count(n_subsets, "n_subsets", 1)
    _require_count(subset_size, "subset_size", 2)
    if subset_size > min(len(a), len(b)):
        raise ValueError(
            f"subset_size must be at most the number of samples, {min(len(a), len(b))}; got "
            f"{subset_size}"
        )
    require_seed("seed", seed)
    generator = np.random.default_rng(seed)
    values = np.array(
        [
            polynomial_discrepancy(
                a[generator.choice(len(a), subset_size, replace=False)],
                b[generator.choice(len(b), subset_size, replace=False)],
            )
            for _ in range(n_subsets)
        ]
    )
    return KernelDistance(
        value=float(values.mean()),
        spread=float(values.std()),
        n_subsets=n_subsets,
        subset_size=subset_size,
        n_a=len(a),
        n_b=len(b),
        seed=seed,
    )


def polynomial_discrepancy(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The unbiased squared MMD of two sets (m, D) and (n, D)."""
    a, b = a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)
    within = sum(_off_diagonal_mean(_kernel(x, x)) for x in (a, b))
    return float(within - 2.0 * _kernel(a, b).mean())


def _kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel: NDArray[np.float64] = (x @ y.T / x.shape[1] + 1.0) ** _DEGREE
    return kernel


def _off_diagonal_mean(kernel: NDArray[np.float64]) -> float:
    n = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (n * (n - 1)))


@dataclass(frozen=True)
class InceptionScore:
    """Mean and standard deviation over splits; the score of real data is its upper landmark."""

    value: float
    spread: float
    n_splits: int
    n_samples: int
    seed: int


def inception_score(logits: object, seed: int, *, n_splits: int = 10) -> InceptionScore:
    """exp of the mean KL divergence of class probabilities from their mean, over splits.

    Salimans et al. (2016), "Improved Techniques for Training GANs". `logits`: (N, classes), of the
    Inception network; those of another classifier must be named with the score. `seed` draws the
    splits. Raises ValueError for fewer samples than splits and values that are not finite.
    """
    matrix = as_features(logits, "logits").astype(np.float64)
    _require_count(n_splits, "n_splits", 1)
    require_seed("seed", seed)
    if n_splits > len(matrix):
        raise ValueError(f"n_splits must be at most {len(matrix)}, the samples; got {n_splits}")
    shifted = matrix - matrix.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    order = np.random.default_rng(seed).permutation(len(log_p))
    scores = []
    for rows in np.array_split(order, n_splits):
        p = np.exp(log_p[rows])
        # Classes that no sample has add nothing.
        log_mean = np.log(np.maximum(p.mean(axis=0), np.finfo(np.float64).tiny))
        divergences = (p * (log_p[rows] - log_mean)).sum(axis=1)
        scores.append(np.exp(divergences.mean()))
    return InceptionScore(
        value=float(np.mean(scores)),
        spread=float(np.std(scores)),
        n_splits=n_splits,
        n_samples=len(log_p),
        seed=seed,
    )


def _require_count(value: object, name: str, least: int) -> None:
    if not is_int(value) or value < least:
        raise ValueError(f"{name} must be an int of at least {least}, got {shown(value)}")
