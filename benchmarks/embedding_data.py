"""The embeddings that the selection problems share."""

from __future__ import annotations

import numpy as np

# (rows, elements, rows to choose): the paper's, and a fifth of it.
PAPER_SIZE = (50_000, 216, 4_320)
DEFAULT_SIZE = (10_000, 216, 864)


def correlated_activations(n_rows, n_columns):
    """(n_rows, n_columns) float32: what an autoencoder's last ReLU gives, a third of it zero."""
    generator = np.random.default_rng(2024)
    factors = generator.standard_normal((n_rows, 32)) @ generator.standard_normal((32, n_columns))
    noise = generator.standard_normal((n_rows, n_columns))
    return np.maximum(factors / 6 + noise + 0.5, 0).astype(np.float32)


def describe(n_rows, n_columns, k):
    return f"{k:,} of {n_rows:,} x {n_columns} float32"
