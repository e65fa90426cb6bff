"""Near-duplicates by all pairs, one after the other."""

from __future__ import annotations

import numpy as np

from oracles.selection import distances


def group_near_duplicates(X, limit, metric="euclidean"):
    """For each row the lowest row of its group: rows at most `limit` apart, chained."""
    n = len(X)
    groups = list(range(n))
    for i in range(n):
        to_others = distances(X, X[i], metric)
        for j in range(i):
            if groups[i] != groups[j] and to_others[j] <= limit:
                low, high = sorted((groups[i], groups[j]))
                groups = [low if group == high else group for group in groups]
    return np.array(groups)
