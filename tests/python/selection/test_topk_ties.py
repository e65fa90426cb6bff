"""Top-k where many rows have one score: dead elements, zeros of ReLU, rounded and binary values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thinset
from oracles import selection as oracle

pytestmark = pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")


def tied(kind: str, n: int, d: int, generator: np.random.Generator) -> np.ndarray:
    X = generator.standard_normal((n, d))
    if kind == "dead":
        X[:, : generator.integers(0, d + 1)] = generator.choice([0.0, 1.0, -2.0])
    elif kind == "relu":
        X = np.maximum(X, 0) * generator.choice([1, -1])
    elif kind == "rounded":
        X = np.round(X)
    elif kind == "binary":
        X = (generator.random((n, d)) < generator.choice([0.001, 0.01, 0.3, 0.9])).astype(float)
    elif kind == "equal columns":
        X = np.repeat(X[:, :1], d, axis=1)
        X[generator.random(n) < 0.8] = 0
    else:  # but for a few values only zeros, of both signs
        X = np.where(generator.random((n, d)) < 0.5, 0.0, -0.0)
        X[generator.integers(0, n, 4), generator.integers(0, d)] = generator.choice([1, -1])
    return X


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["dead", "relu", "rounded", "binary", "equal columns", "zeros"]),
    n=st.sampled_from([30, 200, 400, 700, 1500]),
    d=st.sampled_from([1, 2, 5, 9, 17]),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    mode=st.sampled_from(["max", "min", "abs"]),
    refill=st.booleans(),
    drop_constant=st.booleans(),
    share=st.sampled_from([0.01, 0.1, 0.5, 1.0]),
    n_initial=st.sampled_from([0, 0, 3]),
    n_threads=st.sampled_from([1, 2, 3, 7]),
)
def test_ties_go_to_the_lower_row(
    seed, kind, n, d, dtype, mode, refill, drop_constant, share, n_initial, n_threads
):
    generator = np.random.default_rng(seed)
    X = tied(kind, n, d, generator).astype(dtype)
    k = max(n_initial, round(share * n), 1)
    initial = generator.permutation(n)[:n_initial].tolist()
    options = {"mode": mode, "refill": refill, "drop_constant": drop_constant}
    try:
        indices, gains = oracle.topk(X, k, **options, initial=initial)
    except ValueError:
        with pytest.raises(ValueError, match="constant"):
            thinset.select(X, k, initial_subset=initial, n_threads=n_threads, **options)
        return
    found = thinset.select(X, k, initial_subset=initial, n_threads=n_threads, **options)
    assert found.indices.tolist() == list(indices)
    assert found.gains.tolist() == list(gains)


def test_many_rows_of_dead_elements():
    # As many boards as elements, each as deep as the subset, would take 5 GB.
    X = np.zeros((200_000, 256), np.float16)
    X[[5, 100, 77_777]] = 1
    found = thinset.select(X, 60_000, max_memory="400MB")
    others = [row for row in range(60_000) if row not in {5, 100}][: 60_000 - 3]
    assert found.indices.tolist() == [5, 100, 77_777, *others]
