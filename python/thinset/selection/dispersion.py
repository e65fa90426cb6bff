"""Greedy dispersion: rows far from each other."""

from __future__ import annotations

from dataclasses import dataclass

from thinset.selection.method import Method


@dataclass(frozen=True)
class MaxSumOptions:
    """Options of `max_sum`.

    max_swaps: after the greedy choice, exchange at most this many times (>= 0; inside classes: in
        each) a chosen row for one that is not, the best exchange first, while that raises the sum.
        `params` then says how many were made (`n_swaps`) and what they added (`gained_by_swaps`).
    """

    max_swaps: int = 0


MAX_SUM = Method(
    "max_sum",
    "greedily the largest sum of pairwise distances (Eq. 3); gains are summed distances",
    MaxSumOptions,
)

MAX_MIN = Method(
    "max_min",
    "farthest point first (k-center greedy); gains are distances to the nearest row chosen",
)
