"""Scores against the size of the training data, and the logarithmic law that fits them."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class LogarithmicFit(NamedTuple):
    """score = intercept + slope * ln(size), by least squares, and the share it explains."""

    intercept: float
    slope: float
    r_squared: float


def logarithmic_fit(sizes: Sequence[float], scores: Sequence[float]) -> LogarithmicFit | None:
    """Fit scores at `sizes`, both of one length; None with fewer than three different sizes.

    With two sizes every line fits. `r_squared` is 1 if all scores are equal.
    """
    if len(set(sizes)) < 3:
        return None
    logarithms = [math.log(size) for size in sizes]
    slope, intercept = statistics.linear_regression(logarithms, scores)
    mean = statistics.fmean(scores)
    total = sum((score - mean) ** 2 for score in scores)
    left = sum(
        (score - intercept - slope * at) ** 2 for at, score in zip(logarithms, scores, strict=True)
    )
    return LogarithmicFit(intercept, slope, 1 - left / total if total > 0 else 1.0)
