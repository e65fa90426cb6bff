"""Lloyd's algorithm as torch programs write it: a matrix of distances and index_add, in float32."""

from __future__ import annotations

import torch


def solve(problem):
    X = torch.from_numpy(problem.X)
    centres = X[_seed_rows(X, problem.k, torch.Generator().manual_seed(0))]
    for _ in range(problem.n_iterations):
        clusters = torch.cdist(X, centres).argmin(dim=1)
        sizes = torch.bincount(clusters, minlength=problem.k).unsqueeze(1)
        sums = torch.zeros_like(centres).index_add_(0, clusters, X)
        centres = torch.where(sizes > 0, sums / sizes.clamp(min=1), centres)
    distances = torch.cdist(X, centres)
    clusters = distances.argmin(dim=1)
    own = torch.full_like(distances, torch.inf)
    own.scatter_(1, clusters.unsqueeze(1), distances.gather(1, clusters.unsqueeze(1)))
    return own.argmin(dim=0).numpy()


def _seed_rows(X, k, generator):
    squared = torch.full((len(X),), torch.inf)
    rows = [int(torch.randint(len(X), (1,), generator=generator))]
    while len(rows) < k:
        squared = torch.minimum(squared, (X - X[rows[-1]]).square().sum(dim=1))
        rows.append(int(torch.multinomial(squared, 1, generator=generator)))
    return rows
