"""Student's t distribution, for confidence intervals of means over a few seeds."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def central_probability(t: float, degrees_of_freedom: int) -> float:
    """Return P(|T| <= t) for t >= 0 (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(degrees_of_freedom))
    is_odd = degrees_of_freedom % 2 == 1
    term = math.cos(angle) if is_odd else 1.0
    total = term if degrees_of_freedom > 1 else 0.0
    for k in range(3 if is_odd else 2, degrees_of_freedom - 1, 2):
        term *= math.cos(angle) ** 2 * (k - 1) / k
        total += term
    if is_odd:
        return 2.0 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total


def two_sided_quantile(confidence: float, degrees_of_freedom: int) -> float:
    """Return the t with P(|T| <= t) = confidence, by bisection.

    Raises ValueError unless 0 < confidence < 1 and degrees_of_freedom >= 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    if degrees_of_freedom < 1:
        raise ValueError(f"degrees_of_freedom must be at least 1, got {degrees_of_freedom}")
    low, high = 0.0, 1.0
    while central_probability(high, degrees_of_freedom) < confidence:
        low, high = high, 2.0 * high
    # The loop ends when there is no float between the two.
    while low < (middle := 0.5 * (low + high)) < high:
        if central_probability(middle, degrees_of_freedom) < confidence:
            low = middle
        else:
            high = middle
    return high


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the confidence interval of the mean of independent values; None below two values."""
    if len(values) < 2:
        return None
    mean = statistics.fmean(values)
    standard_error = statistics.stdev(values) / math.sqrt(len(values))
    margin = two_sided_quantile(confidence, len(values) - 1) * standard_error
    return mean - margin, mean + margin
