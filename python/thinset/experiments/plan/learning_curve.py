"""Predicts the accuracy after more steps from a few short trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thinset.results.plan import Prediction

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXPONENTS = np.linspace(0.1, 1.5, 57)
_POINTS_PER_DOUBLING = 1.5
"""The deviation of a training on CIFAR-10 from curves through its first hundreds of steps"""


def extrapolate(
    steps: Sequence[int], accuracies: Sequence[float], n_tested: int, at: int
) -> Prediction:
    """Accuracy in percent after `at` steps, by a curve through the accuracies after `steps`.

    The curve is a - b * steps**-c, which learning curves have been found to follow (Hestness et
    al., 2017), with a from the best accuracy seen to 100 % and b >= 0. Every c and every a is
    weighted by how well it explains the points, each of which varies like a share of `n_tested`
    samples. The interval is therefore as wide as the points allow. Such short trainings deviate
    from these curves, so every doubling of the longest adds _POINTS_PER_DOUBLING on both sides. At
    least two points are needed.
    """
    points = np.asarray(accuracies, np.float64)
    shares = np.clip(points / 100, 0.01, 0.99)
    noise = 100 * np.sqrt(shares * (1 - shares) / n_tested)
    limits = np.linspace(min(points.max(), 99.0), 100.0, 101)
    powers = np.asarray(steps, np.float64)[None, :] ** -_EXPONENTS[:, None]
    predicted, misfit = [], []
    for exponent, power in zip(_EXPONENTS, powers, strict=True):
        # The best b >= 0 for every limit, by weighted least squares.
        gaps = limits[:, None] - points[None, :]
        b = np.maximum((gaps * power / noise**2).sum(axis=1) / (power**2 / noise**2).sum(), 0.0)
        residuals = (gaps - b[:, None] * power) / noise
        misfit.append((residuals**2).sum(axis=1))
        predicted.append(limits - b * float(at) ** -exponent)
    values, chi_squared = np.concatenate(predicted), np.concatenate(misfit)
    weights = np.exp(-(chi_squared - chi_squared.min()) / 2)
    order = np.argsort(values)
    mass = np.cumsum(weights[order]) / weights.sum()
    low, middle, high = np.interp([0.025, 0.5, 0.975], mass, values[order])
    doublings = max(float(np.log2(at / max(steps))), 0.0)
    error = 1.96 * float(noise[-1]) + _POINTS_PER_DOUBLING * doublings
    return Prediction(float(middle), max(float(low) - error, 0.0), min(float(high) + error, 100.0))
