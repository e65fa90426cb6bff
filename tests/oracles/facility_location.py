"""Facility location on terms: one pick at a time, every candidate against every row."""

from __future__ import annotations

import math

import numpy as np

from oracles import arithmetic
from oracles.selection import _losses, distances, in_blocks, median_distance, swap_medoids


def choose(
    X,
    k,
    *,
    metric="euclidean",
    kernel="distance",
    bandwidth=None,
    initial=(),
    exclude=None,
    among=None,
    cover="all",
    existing=None,
    scores=None,
    score_weight=1.0,
    min_score=None,
    groups=None,
    max_per_group=None,
    whole_groups=False,
    one_per_group_first=False,
    costs=None,
    budget=None,
    max_swaps=0,
):
    """(rows, gains, spent). k = None: as many as the budget allows."""
    X = np.asarray(X, np.float64)
    n = len(X)
    if kernel == "gaussian" and bandwidth is None:
        bandwidth = median_distance(X, metric)
    allowed = np.ones(n, bool) if among is None else np.isin(np.arange(n), among)
    if exclude is not None:
        allowed[exclude] = False
    if min_score is not None:
        allowed &= ~(scores < min_score)
    factors = np.ones(n)
    if scores is not None and score_weight > 0:
        usable = scores[allowed].tolist()
        powers = [s if score_weight == 1 else math.pow(s, score_weight) for s in usable]
        factors[allowed] = powers
    has_weights = (scores is not None and score_weight > 0) or costs is not None
    covered = (
        np.arange(n) if cover == "all" else np.flatnonzero(allowed | np.isin(np.arange(n), initial))
    )
    owned = np.zeros((0, X.shape[1])) if existing is None else np.asarray(existing, np.float64)
    metric_ = "cosine" if kernel == "cosine" else metric
    stacked = np.concatenate([X, owned])
    losses = _losses(stacked, kernel, bandwidth, metric)[covered]  # by every row, the owned last
    losses, by_owned = losses[:, :n], losses[:, n:]
    if kernel == "gaussian":
        origin = 0.0
    elif has_weights:
        origin = _largest_distance(X[covered], owned, metric_)
    else:
        origin = np.inf
    start = np.minimum(np.full(len(covered), origin), by_owned.min(axis=1, initial=np.inf))
    first_is_sum = origin == np.inf and existing is None

    def greedy(weights):
        nearest, rows, gains, spent = start, [], [], 0.0
        counts = {}

        def take(row):
            nonlocal nearest, spent
            if first_is_sum and not rows:
                own = losses[:, row]
                gain = in_blocks(1.0 - own) if kernel == "cosine" else 0.0 - in_blocks(own)
            else:
                gain = in_blocks(np.maximum(nearest - losses[:, row], 0.0))
            nearest = np.minimum(nearest, losses[:, row])
            rows.append(int(row))
            gains.append(float(gain * factors[row]))
            if groups is not None:
                counts[groups[row]] = counts.get(groups[row], 0) + 1
            if costs is not None and not whole_groups:
                spent += costs[row]

        def members(row):
            return [
                r for r in np.flatnonzero(allowed) if groups[r] == groups[row] and r not in rows
            ]

        def is_open(row, most):
            if not allowed[row] or row in rows:
                return False
            if whole_groups:
                mine = members(row)
                if k is not None and len(rows) + len(mine) > k:
                    return False
                return costs is None or spent + float(sum(costs[mine].tolist(), 0.0)) <= budget
            if most is not None and counts.get(groups[row], 0) >= most:
                return False
            return costs is None or spent + costs[row] <= budget

        for row in initial:
            take(row)
        for most in [1, max_per_group] if one_per_group_first else [max_per_group]:
            while k is None or len(rows) < k:
                free = [row for row in range(n) if is_open(row, most)]
                if not free:
                    break
                if first_is_sum and not rows:
                    scored = 0.0 - in_blocks(losses)
                else:
                    scored = in_blocks(np.maximum(nearest[:, None] - losses, 0.0))
                scored = scored * weights
                row = max(free, key=lambda r: (scored[r], -r))
                if whole_groups:
                    mine = members(row)
                    if costs is not None:
                        spent += float(sum(costs[mine].tolist(), 0.0))
                    for other in [row, *(m for m in mine if m != row)]:
                        take(other)
                else:
                    take(row)
        return rows, gains, spent

    if max_swaps:
        least_scale = len(covered) if metric_ == "cosine" and kernel != "gaussian" else 0.0
        rows = swap_medoids(
            losses,
            greedy(factors)[0],
            len(initial),
            np.flatnonzero(allowed),
            max_swaps,
            least_scale,
        )
        k, initial = len(rows), rows
    if costs is None:
        return greedy(factors)
    weights = np.zeros(n)
    weights[allowed] = factors[allowed] / costs[allowed]
    by_cost, by_gain = greedy(weights), greedy(factors)
    return by_gain if sum(by_gain[1], 0.0) > sum(by_cost[1], 0.0) else by_cost


def _largest_distance(seen, owned, metric):
    if metric == "cosine":
        return 2.0
    seen = np.concatenate([seen, owned])
    largest = distances(seen, arithmetic.mean(seen), metric).max()
    return (4.0 if metric == "sqeuclidean" else 2.0) * largest
