"""How much of the real data generated samples cover, and how many of them are realistic.

Density and coverage: Naeem, Oh, Uh, Choi and Yoo (2020), "Reliable Fidelity and Diversity Metrics
for Generative Models". Precision and recall: Kynkäänniemi, Karras, Laine, Lehtinen and Aila (2019),
"Improved Precision and Recall Metric for Assessing Generative Models". Both put a ball around every
sample that reaches to its k-th nearest other sample of the same set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.metrics.neighbours import count_in_balls, nearest
from thinset.metrics.samples import as_feature_pair
from thinset.selection.arguments import is_int, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class DensityAndCoverage:
    """How much of the reference set the generated samples match, and how much they cover.

    Attributes:
        density: at least 0, around 1 where both sets have one distribution.
        coverage: in [0, 1].
    """

    density: float
    coverage: float
    k: int
    n_real: int
    n_generated: int


@dataclass(frozen=True)
class PrecisionAndRecall:
    """Both in [0, 1]: the share of generated samples near real ones, and the other way round."""

    precision: float
    recall: float
    k: int
    n_real: int
    n_generated: int


def density_and_coverage(
    real: object, generated: object, k: int = 5, *, n_threads: int | None = None
) -> DensityAndCoverage:
    """Density and coverage of generated samples, from feature matrices (N, D).

    Balls are open, as in the authors' code: a sample at exactly the radius is outside. Coverage is
    the share of real samples whose ball holds a generated one; density is the mean number of balls
    around a generated sample, over k. Values depend on both numbers of samples: compare sets of
    equal size. Raises ValueError for matrices that do not fit, values that are not finite, and a k
    that is not below the number of real samples.
    """
    one, other = as_feature_pair(real, generated, ("real", "generated"))
    radii = _radii(one, k, "real", n_threads)
    in_balls, _ = count_in_balls(one, np.nextafter(radii, -np.inf), other, n_threads=n_threads)
    return DensityAndCoverage(
        density=float(in_balls.sum()) / (k * len(other)),
        coverage=float((in_balls > 0).mean()),
        k=k,
        n_real=len(one),
        n_generated=len(other),
    )


def precision_and_recall(
    real: object, generated: object, k: int = 3, *, n_threads: int | None = None
) -> PrecisionAndRecall:
    """Precision and recall of generated samples, from feature matrices (N, D).

    Balls are closed, as in the authors' code: a sample at exactly the radius is inside. Precision
    is the share of generated samples in the ball of a real one, recall that of real samples in the
    ball of a generated one. Values depend on both numbers of samples: compare sets of equal size.
    Raises ValueError for matrices that do not fit, values that are not finite, and a k that is not
    below both numbers of samples.
    """
    one, other = as_feature_pair(real, generated, ("real", "generated"))
    real_radii = _radii(one, k, "real", n_threads)
    generated_radii = _radii(other, k, "generated", n_threads)
    _, around_generated = count_in_balls(one, real_radii, other, n_threads=n_threads)
    _, around_real = count_in_balls(other, generated_radii, one, n_threads=n_threads)
    return PrecisionAndRecall(
        precision=float((around_generated > 0).mean()),
        recall=float((around_real > 0).mean()),
        k=k,
        n_real=len(one),
        n_generated=len(other),
    )


def _radii(features: NDArray[Any], k: int, name: str, n_threads: int | None) -> NDArray[np.float64]:
    """The distance of each sample to its k-th nearest other one."""
    if not is_int(k) or not 1 <= k < len(features):
        raise ValueError(
            f"k must be an int in [1, {len(features) - 1}], the other samples of {name}; got "
            + shown(k)
        )
    found = nearest(features, features, k, exclude_self=True, n_threads=n_threads)
    return found.distances[:, -1]
