"""Families of matrices that bounds, screens and shortcuts are most likely to get wrong.

Each family is a function of a generator and a shape that gives an (n, d) float64 matrix.
"""

from __future__ import annotations

import numpy as np


def normal(g, n, d):
    return g.standard_normal((n, d))


def lattice(g, n, d):
    """Small integers: exact ties between many rows, and rows that recur."""
    return g.integers(-2, 3, (n, d)).astype(float)


def bits(g, n, d):
    return g.integers(0, 2, (n, d)).astype(float)


def one_hot(g, n, d):
    """All pairs of different rows are equally far apart."""
    return np.eye(d)[g.integers(0, d, n)]


def nearly_one_hot(g, n, d):
    """Squared distances one rounding apart, some with the same root."""
    return one_hot(g, n, d) * (1.0 + g.integers(0, 8, (n, 1)) * 2.0 ** -g.choice([23.0, 52.0]))


def duplicates(g, n, d):
    return g.standard_normal((max(1, n // 7), d))[g.integers(0, max(1, n // 7), n)]


def sphere(g, n, d):
    """Rows and their mirror images on the unit sphere: all (nearly) equally far from the mean."""
    half = g.standard_normal((n // 2 + 1, d))
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    return np.concatenate([half, -half])[:n]


def shells(g, n, d):
    """Concentric spheres: bounds through one point tell the shells apart and nothing else."""
    X = g.standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1, keepdims=True) * g.integers(1, 4, (n, 1))


def constant_columns(g, n, d):
    X = g.standard_normal((n, d))
    X[:, g.random(d) < 0.5] = g.integers(-3, 4)
    return X


def offset(g, n, d):
    """Small differences between large numbers."""
    return 1e6 + g.standard_normal((n, d))


def offset_columns(g, n, d):
    return 10.0 ** g.uniform(-3, 6, d) + g.standard_normal((n, d))


def any_scale(g, n, d):
    return g.standard_normal((n, d)) * 10.0 ** g.uniform(-30, 30)


def mixed_scales(g, n, d):
    """A few columns decide everything."""
    return g.standard_normal((n, d)) * 10.0 ** g.uniform(-12, 12, d)


def mixed_norms(g, n, d):
    return g.standard_normal((n, d)) * 10.0 ** g.uniform(-12, 12, (n, 1))


def subnormal(g, n, d):
    """Below the smallest normal float32 (where that is the type), with squares that vanish."""
    return g.integers(-9, 10, (n, d)) * g.choice([2.0**-149, 2.0**-133, 2.0**-24, 2.0**-1074])


def outlier(g, n, d):
    X = g.standard_normal((n, d))
    X[g.integers(0, n)] *= 10.0 ** g.integers(2, 7)
    return X


def tight_clusters(g, n, d):
    centres = g.standard_normal((max(1, n // 20), d))
    return centres[g.integers(0, len(centres), n)] + 1e-7 * g.standard_normal((n, d))


def near_ties(g, n, d):
    """Rows that differ in the last bits alone, of float32 or of float64."""
    return 1.0 + g.integers(0, 4, (n, d)) * 2.0 ** -g.choice([23.0, 52.0])


def near_duplicates(g, n, d):
    X = duplicates(g, n, d)
    return X * (1.0 + g.integers(-1, 2, (n, d)) * 2.0 ** g.choice([-10, -23, -52]))


def rising(g, n, d):
    """Every column sorted: each row beats the one before it."""
    return np.sort(g.standard_normal((n, d)), axis=0)


def falling(g, n, d):
    return rising(g, n, d)[::-1]


def line(g, n, d):
    """Equal steps along one direction, in any order."""
    return np.outer(g.permutation(n), g.integers(1, 4, d)).astype(float)


def rank_one(g, n, d):
    return np.outer(g.standard_normal(n), g.standard_normal(d))


def rank_two(g, n, d):
    return g.standard_normal((n, 2)) @ g.standard_normal((2, d))


def decaying_spectrum(g, n, d):
    """Embeddings as encoders give them: a projection onto few directions says almost all."""
    X = g.standard_normal((n, d)) * 0.8 ** np.arange(d)
    return X @ np.linalg.qr(g.standard_normal((d, d)))[0]


def heavy_tails(g, n, d):
    return g.standard_cauchy((n, d))


def halving(g, n, d):
    """Distances that halve from pick to pick."""
    return 2.0 ** -g.integers(0, 60, (n, 1)) * g.choice([-1.0, 1.0], (n, d))


def zeros(g, n, d):
    return np.zeros((n, d))


def signed_zeros(g, n, d):
    return g.choice([0.0, -0.0, 0.0, -0.0, 1.0], (n, d))


def relu(g, n, d):
    return np.maximum(g.standard_normal((n, d)) - 0.7, 0.0)


FAMILIES = {
    family.__name__: family
    for family in (
        normal, lattice, bits, one_hot, nearly_one_hot, duplicates, sphere, shells,
        constant_columns, offset, offset_columns, any_scale, mixed_scales, mixed_norms, subnormal,
        outlier, tight_clusters, near_ties, near_duplicates, rising, falling, line, rank_one,
        rank_two, decaying_spectrum, heavy_tails, halving, zeros, signed_zeros, relu,
    )
}  # fmt: skip
