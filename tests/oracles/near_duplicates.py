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


def match(X, Y, limit, metric="euclidean"):
    """For each row of X the lowest row of Y at most `limit` apart, or -1."""
    near = [np.flatnonzero(distances(Y, x, metric) <= limit) for x in X]
    return np.array([rows[0] if len(rows) else -1 for rows in near])


def kept(groups, scores=None, matches=None):
    """The best row of every group, without matched rows; ties to the lower row."""
    best = {}
    for row, group in enumerate(groups.tolist()):
        if matches is not None and matches[row] >= 0:
            continue
        if group not in best or (scores is not None and scores[row] > scores[best[group]]):
            best[group] = row
    return sorted(best.values())
