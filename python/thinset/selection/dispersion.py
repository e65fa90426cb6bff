"""Greedy dispersion: rows far from each other."""

from __future__ import annotations

from dataclasses import dataclass

from thinset.selection.method import Method


@dataclass(frozen=True, eq=False)
class MaxSumOptions:
    """Options of `max_sum`.

    max_swaps: after the greedy choice, make at most this many exchanges (>= 0; with per_class, in
        each class) of a chosen row for another row, the best first, while the sum rises. `params`
        then holds their number (`n_swaps`) and what they added (`gained_by_swaps`).
    """

    max_swaps: int = 0


@dataclass(frozen=True, eq=False)
class MaxMinOptions:
    """Options of `max_min`.

    max_swaps: after the greedy choice, make at most this many exchanges (>= 0; with per_class, in
        each class) of a chosen row for another row that raise the smallest distance between chosen
        rows, or leave fewer pairs at it. `params` then holds their number (`n_swaps`) and by how
        much the smallest distance rose (`gained_by_swaps`).
    """

    max_swaps: int = 0


MAX_SUM = Method(
    "max_sum",
    "largest sum of pairwise distances, greedily (Eq. 3); gains are summed distances",
    MaxSumOptions,
)

MAX_MIN = Method(
    "max_min",
    "farthest point first (k-center greedy); gains are distances to the nearest chosen row",
    MaxMinOptions,
)
