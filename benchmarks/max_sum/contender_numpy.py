"""|x - y|^2 = |x|^2 - 2 x.y + |y|^2 in float64, a matrix-vector product per step."""

from __future__ import annotations

import numpy as np


def solve(problem):
    X = problem.X.astype(np.float64)
    squares = np.einsum("ij,ij->i", X, X)
    mean = X.mean(axis=0)
    row = int(np.argmax(squares - 2 * (X @ mean)))
    sums = np.zeros(len(X))
    chosen = [row]
    while len(chosen) < problem.k:
        squared = squares - 2 * (X @ X[row]) + squares[row]
        sums += np.sqrt(np.maximum(squared, 0, out=squared), out=squared)
        sums[row] = -np.inf
        row = int(np.argmax(sums))
        chosen.append(row)
    return chosen
