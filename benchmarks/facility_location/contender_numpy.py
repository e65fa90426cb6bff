"""Lazy greedy over a matrix of distances: gains are renewed a batch at a time."""

from __future__ import annotations

import numpy as np

from distance_matrix import pairwise_distances

AT_MOST = 10_000, "it needs N x N distances"
_BATCH = 16


def solve(problem):
    distances = pairwise_distances(problem.X)
    row = int(np.argmin(distances.sum(axis=1)))
    nearest = distances[row].copy()
    gains = np.full(len(nearest), np.inf)
    chosen = []
    while True:
        chosen.append(row)
        if len(chosen) == problem.k:
            return chosen
        np.minimum(nearest, distances[row], out=nearest)
        gains[row] = -np.inf
        stale = gains > -np.inf
        best, row = -np.inf, -1
        while True:
            batch = np.argpartition(np.where(stale, -gains, np.inf), _BATCH)[:_BATCH]
            batch = batch[stale[batch] & (gains[batch] >= best)]
            if len(batch) == 0:
                break
            gains[batch] = np.maximum(nearest - distances[batch], 0).sum(axis=1)
            stale[batch] = False
            top = batch[gains[batch] == gains[batch].max()].min()
            if gains[top] > best or (gains[top] == best and top < row):
                best, row = gains[top], int(top)
