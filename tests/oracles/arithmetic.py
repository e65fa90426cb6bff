"""The canonical order of float64 sums, which decides the last bit and with it the nearest ties.

Term j of a row goes to lane j mod 16, each lane adds its terms in rising j, and the lanes are added
in pairs (l, l + 8), then (l, l + 4), (l, l + 2), (l, l + 1). Products are rounded before they are
added. Columns are added exactly.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

N_LANES = 16


def squared_distances(X, y):
    """(N, D) rows and a (D,) point -> (N,)."""
    return _sum(X, y, lambda a, b: (a - b) * (a - b))


def dots(X, y):
    return _sum(X, y, lambda a, b: a * b)


def norms(X):
    return np.sqrt(squared_distances(X, np.zeros(X.shape[1])))


def _sum(X, y, term):
    lanes = np.zeros((len(X), N_LANES))
    for start in range(0, len(y), N_LANES):
        columns = slice(start, min(start + N_LANES, len(y)))
        lanes[:, : columns.stop - start] += term(X[:, columns], y[columns])
    for width in (8, 4, 2, 1):
        lanes = lanes[:, :width] + lanes[:, width:]
    return lanes[:, 0]


def in_order(terms):
    """The sum over the first axis, one term after the other (NumPy's own sum pairs them up)."""
    total = np.zeros(terms.shape[1:])
    return total + np.add.accumulate(terms, axis=0)[-1] if len(terms) else total


def mean(X):
    """(N, D) -> (D,): the nearest float64 numbers to the exact means."""
    return np.array([float(total / len(X)) for total in sums(X)])


def sums(X):
    """(N, D) -> D fractions, without rounding."""
    return [_sum_of_fractions(column) for column in np.asarray(X, np.float64).T]


def _sum_of_fractions(values):
    """Integers of 53 bits, added up by their exponents, so that few fractions are needed."""
    fractions, exponents = np.frexp(values)
    integers = np.ldexp(fractions, 53).astype(np.int64)
    total = Fraction(0)
    for exponent in np.unique(exponents).tolist():
        chosen = sum(integers[exponents == exponent].tolist())
        total += chosen * Fraction(2) ** (exponent - 53)
    return total
