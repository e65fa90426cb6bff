"""Scores that Eq. 4 can use instead of activations; the paper names them but leaves them open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.embeddings.describe import describe_embeddings, row_chunks
from thinset.embeddings.store import (
    fingerprint,
    require_output_apart,
    stored_embeddings,
    write_embeddings,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator


def activation_scores(
    embeddings: np.ndarray[Any, Any],
    out: str | os.PathLike[str],
    *,
    penalty: float = 0.5,
    threshold: float = 2.0,
    n_pairs: int = 0,
    seed: int = 0,
) -> np.memmap[Any, np.dtype[np.float32]]:
    """Standardise activations and penalise rows that activate many elements: (N, D'), float32.

    `embeddings`: (N, D) floats. Every element that varies gets mean 0 and standard deviation 1;
    each row loses `penalty` for every element above `threshold`, because a row that activates many
    elements would be chosen by many. With `n_pairs`, columns are the sums of that many random pairs
    of elements, drawn with `seed`; without it, there is one column per element that varies. "Faster
    Training by Selecting Samples Using Embeddings" mentions both and leaves them open. Pass the
    result to `thinset.select(..., method="topk")`.

    Writes embeddings.npy and embeddings.json to the folder `out` and maps the matrix read-only;
    reuses an existing matrix of the same embeddings. Reads the embeddings in pieces, three times.
    Raises ValueError for values that are not finite, for embeddings of which no element varies, and
    for more pairs than there are.
    """
    facts = describe_embeddings(embeddings)
    varies = np.setdiff1d(np.arange(facts.n_dimensions), facts.constant_columns)
    n_all_pairs = len(varies) * (len(varies) - 1) // 2
    if len(varies) == 0:
        raise ValueError("embeddings must have an element that varies, but all are constant")
    if not 0 <= n_pairs <= n_all_pairs:
        raise ValueError(
            f"n_pairs must be from 0 to {n_all_pairs}, the pairs of {len(varies)} elements that "
            f"vary; got {n_pairs}"
        )
    how = {"penalty": penalty, "threshold": threshold, "n_pairs": n_pairs, "seed": seed}
    identity = {"embeddings": fingerprint(embeddings), "activation scores": how}
    require_output_apart(out, embeddings)
    stored = stored_embeddings(out, identity, len(embeddings))
    if stored is not None:
        return stored
    mean, deviation = _moments(embeddings, varies)
    pairs = _drawn_pairs(len(varies), n_pairs, seed)

    def scores() -> Iterator[np.ndarray[Any, Any]]:
        for rows in row_chunks(embeddings):
            scaled = (rows[:, varies].astype(np.float64) - mean) / deviation
            scaled -= penalty * (scaled > threshold).sum(axis=1, keepdims=True)
            yield scaled if pairs is None else scaled[:, pairs[0]] + scaled[:, pairs[1]]

    return write_embeddings(out, scores(), n_samples=len(embeddings), identity=identity)


def _moments(
    embeddings: np.ndarray[Any, Any], columns: np.ndarray[Any, np.dtype[np.int64]]
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
    total = np.zeros(len(columns))
    for rows in row_chunks(embeddings):
        total += rows[:, columns].sum(axis=0, dtype=np.float64)
    mean = total / len(embeddings)
    squares = np.zeros(len(columns))
    for rows in row_chunks(embeddings):
        squares += ((rows[:, columns].astype(np.float64) - mean) ** 2).sum(axis=0)
    return mean, np.sqrt(squares / len(embeddings))


def _drawn_pairs(
    n_elements: int, n_pairs: int, seed: int
) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Two rows: the first and the second element of each pair; None without pairs."""
    if n_pairs == 0:
        return None
    one, other = np.tril_indices(n_elements, -1)
    drawn = np.random.default_rng(seed).choice(len(one), n_pairs, replace=False)
    return np.stack([one[drawn], other[drawn]])
