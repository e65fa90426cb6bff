"""The embeddings that the selection problems share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

KINDS = ("correlated", "isotropic", "embeddings", "texts", "points", "half_dead", "dead")
FILE_VARIABLE = "THINSET_BENCH_EMBEDDINGS"

_SEED = 2024
_ROWS_PER_BLOCK = 65_536
_N_FACTORS = 32
_N_CLUSTERS = 200


class Size(NamedTuple):
    n_rows: int
    n_columns: int
    k: int

    def with_rows(self, n_rows):
        """As many rows as given, and the same share of them chosen."""
        return self._replace(n_rows=n_rows, k=max(1, self.k * n_rows // self.n_rows))


PAPER_SIZE = Size(50_000, 216, 4_320)
DEFAULT_SIZE = Size(10_000, 216, 864)


class NotAvailable(Exception):  # noqa: N818 - a reason to skip, not an error
    """Something that a race needs is not on this machine; the message says what."""


def embeddings(kind, n_rows, n_columns, dtype=np.float32):
    """(n_rows, n_columns) of a kind of data; the first rows are the same at every n_rows.

    correlated: like an autoencoder's last ReLU, a third of it zero. isotropic: independent normal
    columns. embeddings: the first rows of a real .npy file, with as many columns as that has.
    texts: clusters of unit length, whose members have a cosine of about 0.6. points: for two or
    three columns; clusters in a cube, and a third of all anywhere in it. half_dead, dead:
    correlated, but half of the columns, or all, are zero.
    """
    if kind == "embeddings":
        return _of_file(n_rows, dtype)
    block_of_kind = {
        "correlated": _correlated,
        "isotropic": _isotropic,
        "texts": _texts,
        "points": _points,
        "half_dead": _half_dead,
        "dead": _dead,
    }[kind]
    X = np.empty((n_rows, n_columns), dtype)
    for start in range(0, n_rows, _ROWS_PER_BLOCK):
        generator = np.random.default_rng([_SEED, start])
        block = X[start : start + _ROWS_PER_BLOCK]
        block[:] = block_of_kind(generator, *block.shape)
    return X


def _correlated(generator, n_rows, n_columns):
    loadings = np.random.default_rng(_SEED).standard_normal((_N_FACTORS, n_columns), np.float32)
    factors = generator.standard_normal((n_rows, _N_FACTORS), np.float32) @ loadings
    noise = generator.standard_normal((n_rows, n_columns), np.float32)
    return np.maximum(factors / 6 + noise + 0.5, 0)


def _isotropic(generator, n_rows, n_columns):
    return generator.standard_normal((n_rows, n_columns), np.float32)


def _texts(generator, n_rows, n_columns):
    directions = np.random.default_rng(_SEED).standard_normal((_N_CLUSTERS, n_columns), np.float32)
    directions /= np.sqrt(n_columns)
    noise = generator.standard_normal((n_rows, n_columns), np.float32) / np.sqrt(n_columns)
    rows = directions[generator.integers(_N_CLUSTERS, size=n_rows)] + 0.8 * noise
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _points(generator, n_rows, n_columns):
    centres = np.random.default_rng(_SEED).random((_N_CLUSTERS, n_columns), np.float32)
    noise = generator.standard_normal((n_rows, n_columns), np.float32)
    rows = centres[generator.integers(_N_CLUSTERS, size=n_rows)] + 0.02 * noise
    anywhere = generator.random(n_rows) < 1 / 3
    rows[anywhere] = generator.random((int(anywhere.sum()), n_columns), np.float32)
    return rows


def _half_dead(generator, n_rows, n_columns):
    rows = _correlated(generator, n_rows, n_columns)
    rows[:, ::2] = 0
    return rows


def _dead(generator, n_rows, n_columns):
    del generator
    return np.zeros((n_rows, n_columns), np.float32)


def _of_file(n_rows, dtype):
    path = os.environ.get(FILE_VARIABLE)
    if not path:
        raise NotAvailable(f"{FILE_VARIABLE} names no file")
    if not Path(path).exists():
        raise NotAvailable(f"{FILE_VARIABLE} names a file that is not there")
    X = np.load(path, mmap_mode="r")
    if len(X) < n_rows:
        raise NotAvailable(f"the file of {FILE_VARIABLE} has {len(X):,} rows, not {n_rows:,}")
    return np.array(X[:n_rows], dtype=dtype, order="C")
