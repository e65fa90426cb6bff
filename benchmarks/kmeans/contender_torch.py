"""Lloyd's algorithm in float32, a block of rows at a time, so that distances stay in the cache."""

from __future__ import annotations

import torch

from kmeans.problem import nearest_members

_ROWS_PER_BLOCK = 512


def solve(problem):
    X = torch.from_numpy(problem.X)
    centres = X[torch.from_numpy(problem.start)]
    for _ in range(problem.n_iterations):
        clusters, _ = _nearest(X, centres)
        sizes = torch.bincount(clusters, minlength=problem.k).unsqueeze(1)
        sums = torch.zeros_like(centres).index_add_(0, clusters, X)
        centres = torch.where(sizes > 0, sums / sizes.clamp(min=1), centres)
    clusters, relative = _nearest(X, centres)
    squared = relative + X.square().sum(dim=1)
    return nearest_members(clusters.numpy(), squared.numpy())


def _nearest(X, centres):
    """The nearest centre of every row, and |c|^2 - 2 x.c: the squared distance but for |x|^2."""
    lengths = centres.square().sum(dim=1)
    columns = centres.T.contiguous()
    clusters = torch.empty(len(X), dtype=torch.int64)
    relative = torch.empty(len(X))
    product = torch.empty(_ROWS_PER_BLOCK, len(centres))
    for start in range(0, len(X), _ROWS_PER_BLOCK):
        rows = slice(start, min(start + _ROWS_PER_BLOCK, len(X)))
        block = product[: rows.stop - start]
        torch.addmm(lengths, X[rows], columns, alpha=-2, out=block)
        torch.min(block, dim=1, out=(relative[rows], clusters[rows]))
    return clusters, relative
