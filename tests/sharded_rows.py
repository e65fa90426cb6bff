"""A small matrix with ties, cut unevenly into shards."""

from __future__ import annotations

import numpy as np

N, D = 601, 9
CUTS = (3, 3, 250, 251, 600)  # uneven, and one shard without rows


def rows_with_ties():
    """Rows on a grid; some are equal, in different shards."""
    generator = np.random.default_rng(5)
    rows = np.round(2 * generator.standard_normal((N, 4)) @ generator.standard_normal((4, D)))
    rows[590:] = rows[2:13]
    return (rows + 0.25).astype(np.float32)


def save_shards(X, folder):
    """The shards as .npy files."""
    folder.mkdir(parents=True)
    files = [folder / f"{number}.npy" for number in range(len(CUTS) + 1)]
    for file, piece in zip(files, np.split(X, CUTS), strict=True):
        np.save(file, piece)
    return files


def same(found, expected):
    """The same selection, bit for bit."""
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.gains.tobytes() == expected.gains.tobytes()
    assert found.params == expected.params
    assert found.constant_columns == expected.constant_columns
