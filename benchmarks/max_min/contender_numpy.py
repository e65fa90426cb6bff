"""|x - y|^2 = |x|^2 - 2 x.y + |y|^2 in float64, a matrix-vector product per step."""

from __future__ import annotations

import numpy as np


def solve(problem):
    X = problem.X.astype(np.float64)
    squares = np.einsum("ij,ij->i", X, X)
    mean = X.mean(axis=0)
    row = int(np.argmax(squares - 2 * (X @ mean)))
    nearest = np.full(len(X), np.inf)
    chosen = [row]
    while len(chosen) < problem.k:
        squared = squares - 2 * (X @ X[row]) + squares[row]
        np.minimum(nearest, squared, out=nearest)
        row = int(np.argmax(nearest))
        chosen.append(row)
    return chosen
