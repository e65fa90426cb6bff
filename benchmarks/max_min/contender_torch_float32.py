"""|x - y|^2 = |x|^2 - 2 x.y + |y|^2 in float32, a matrix-vector product per step."""

from __future__ import annotations

import torch

MAY_BE_WRONG = "float32 swaps near ties"


def solve(problem):
    X = torch.from_numpy(problem.X)
    squares = X.square().sum(dim=1)
    row = int(torch.argmax(squares - 2 * (X @ X.mean(dim=0))))
    nearest = torch.full((len(X),), torch.inf)
    chosen = [row]
    while len(chosen) < problem.k:
        squared = torch.addmv(squares, X, X[row], alpha=-2).add_(squares[row])
        torch.minimum(nearest, squared, out=nearest)
        row = int(torch.argmax(nearest))
        chosen.append(row)
    return chosen
