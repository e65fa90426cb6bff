"""Kendall's rank correlation, and its intervals over what is ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

N_DRAWS = 2000
"""Of a bootstrap"""
_SEED = 0


def kendall_tau_b(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's rank correlation with its correction for ties; 0 if either is constant.

    Kendall, "The Treatment of Ties in Ranking Problems", 1945.
    """
    return float(taus_of_draws(first, second, np.ones((1, len(first))))[0])


def bootstrap_draws(n: int, n_draws: int = N_DRAWS, seed: int = _SEED) -> np.ndarray[Any, Any]:
    """How often each of `n` items is drawn: (n_draws, n), each row `n` draws with replacement.

    Statistics of the same draws are paired. The same arguments give the same draws.
    """
    draws: np.ndarray[Any, Any] = np.random.default_rng(seed).multinomial(
        n, np.full(n, 1 / n), size=n_draws
    )
    return draws


def taus_of_draws(
    first: Sequence[float], second: Sequence[float], draws: np.ndarray[Any, Any]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Kendall's tau-b of the items in each draw (B, n), which says how often each is there: (B,).

    An item that is drawn twice is tied with itself in both rankings. 0 where either ranking is
    constant.
    """
    signs, other = _signs(first), _signs(second)
    weights = np.asarray(draws, np.float64)

    def weighted(pairs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        sums: np.ndarray[Any, Any] = ((weights @ pairs) * weights).sum(axis=1)
        return sums

    # Each pair is counted twice, in the numerator and in the denominator.
    concordant = weighted(signs * other)
    scale = np.sqrt(weighted(signs**2) * weighted(other**2))
    taus: np.ndarray[Any, Any] = np.divide(
        concordant, scale, out=np.zeros(len(weights)), where=scale > 0
    )
    return taus


def percentile_interval(
    values: np.ndarray[Any, Any], confidence: float = 0.95
) -> tuple[float, float]:
    """The central interval of bootstrapped values.

    Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.
    """
    outside = (1 - confidence) / 2
    low, high = np.quantile(values, [outside, 1 - outside])
    return float(low), float(high)


def _signs(values: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    column = np.asarray(values, np.float64)[:, None]
    return np.sign(column - column.T)
