"""Measures the images that an augmentation makes, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.augmentation.train import require_unit_range
from thinset.experiments.prepare.kept import fid_of
from thinset.metrics import (
    density_and_coverage,
    kernel_distance,
    near_copies,
)
from thinset.metrics.images import as_images
from thinset.results.measures import FILE, Measures, load_measures, save_measures

if TYPE_CHECKING:
    from thinset.data import Dataset
    from thinset.experiments.prepare.kept import Images, RealClassifier
    from thinset.experiments.run_folder import RunFolder

_SUBSETS = {"n_subsets": 100, "subset_size": 1000}  # of the kernel distance, as usual
_MOST_AT_ONCE = 2000
"""Sets up to this size need no subsets: their kernel distance is computed in one piece"""
_NEIGHBOURS = 5  # of a real image, whose ball is covered or not: the k of density_and_coverage
_LEAST_ARTIFICIAL = 2  # of the kernel distance
MOST_COMPARED = 10_000
"""Images whose neighbours are searched; more would take minutes and change little"""


def prepare_measures(
    augmentation: str,
    artificial: Images,
    real: Dataset,
    judge: RealClassifier,
    folder: RunFolder,
    *,
    share: float,
    seed: int,
    seconds: float,
) -> Measures:
    """Measure `artificial` images against `real`, once for each number, seed and `judge`.

    Neighbours (density, coverage, near-copies) are those of at most MOST_COMPARED images of each,
    drawn at random: datasets may be sorted by class.
    """
    path = folder.path / FILE
    known = load_measures(path)
    key = (augmentation, len(artificial.images), seed, judge.name)
    for one in known:
        if (one.augmentation, one.n_artificial, one.seed, one.extractor) == key:
            return one
    features = judge.features(artificial)
    real_features = judge.features(real)
    of_real, of_artificial = _compared(len(real)), _compared(len(artificial.images))
    values = density_and_coverage(real_features[of_real], features[of_artificial], _NEIGHBOURS)
    copies = near_copies(
        artificial.images[of_artificial], real.images, n_measured=min(MOST_COMPARED, len(real))
    )
    measured = Measures(
        augmentation=augmentation,
        share=share,
        seed=seed,
        n_real=len(real),
        n_artificial=len(artificial.images),
        extractor=judge.name,
        fid=fid_of(features, real_features),
        kid=_kernel_distance(features, real_features),
        density=values.density,
        coverage=values.coverage,
        agreement=judge.agreement(artificial),
        near_copies=copies.share,
        seconds=seconds,
    )
    save_measures((*known, measured), path)
    return measured


def require_measurable(real: Dataset, n_artificial: int) -> None:
    """Raise ValueError unless so many images can be measured against `real`.

    For the start of an experiment, not after hours of trainings.
    """
    as_images(real, real.name)
    require_unit_range(real)
    if len(real) <= _NEIGHBOURS:
        raise ValueError(
            f"{real.name} has {len(real)} images, too few for coverage, which needs more than "
            f"{_NEIGHBOURS}"
        )
    if n_artificial < _LEAST_ARTIFICIAL:
        raise ValueError(
            f"images to measure must be at least {_LEAST_ARTIFICIAL}, got {n_artificial}"
        )


def _compared(n_images: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The rows of the images whose neighbours are searched, ascending."""
    if n_images <= MOST_COMPARED:
        return np.arange(n_images)
    return np.sort(np.random.default_rng(0).choice(n_images, MOST_COMPARED, replace=False))


def _kernel_distance(features: np.ndarray[Any, Any], real_features: np.ndarray[Any, Any]) -> float:
    n = min(len(features), len(real_features))
    if n <= _MOST_AT_ONCE:
        return float(kernel_distance(features, real_features, seed=0, n_subsets=1, subset_size=n))
    return float(kernel_distance(features, real_features, seed=0, **_SUBSETS))
