"""Greedy dispersion: rows far from each other."""

from __future__ import annotations

from thinset.selection.method import Method

MAX_SUM = Method(
    "max_sum",
    "greedily the largest sum of pairwise distances (Eq. 3); gains are summed distances",
)

MAX_MIN = Method(
    "max_min",
    "farthest point first (k-center greedy); gains are distances to the nearest row chosen",
)
