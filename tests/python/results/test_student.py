from __future__ import annotations

import math

import numpy as np
import pytest

from thinset.results.student import central_probability, mean_interval, two_sided_quantile


def _integrated_density(t: float, degrees_of_freedom: int) -> float:
    """P(|T| <= t) by Gauss-Legendre quadrature of the density."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x = 0.5 * t * (nodes + 1.0)
    v = degrees_of_freedom
    log_scale = math.lgamma((v + 1) / 2) - math.lgamma(v / 2) - 0.5 * math.log(v * math.pi)
    density = np.exp(log_scale - 0.5 * (v + 1) * np.log1p(x * x / v))
    return float(t * (weights * density).sum())


@pytest.mark.parametrize("degrees_of_freedom", [1, 2, 3, 4, 5, 10, 11, 100, 101])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.5, 12.7])
def test_probability_is_the_integral_of_the_density(t: float, degrees_of_freedom: int) -> None:
    expected = _integrated_density(t, degrees_of_freedom)
    assert central_probability(t, degrees_of_freedom) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("degrees_of_freedom", "published"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (9, 2.262), (30, 2.042), (120, 1.980)],
)
def test_quantiles_are_those_of_the_tables(degrees_of_freedom: int, published: float) -> None:
    assert round(two_sided_quantile(0.95, degrees_of_freedom), 3) == published


@pytest.mark.parametrize("arguments", [(0.0, 3), (1.0, 3), (math.nan, 3), (0.95, 0)])
def test_impossible_quantiles_are_refused(arguments: tuple[float, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        two_sided_quantile(*arguments)


def test_the_interval_covers_the_true_mean_at_its_rate() -> None:
    samples = np.random.default_rng(5).normal(2.0, 3.0, (4_000, 4))
    intervals = [mean_interval(list(sample)) for sample in samples]
    covered = sum(low <= 2.0 <= high for low, high in filter(None, intervals))
    # 0.95 within four standard errors of 4,000 draws.
    assert covered / 4_000 == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 4_000))


def test_one_value_has_no_interval() -> None:
    assert mean_interval([3.0]) is None
    assert mean_interval([]) is None
