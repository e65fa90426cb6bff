"""Farthest points among rows of few elements, where a tree of boxes takes the place of bounds."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thinset
from oracles import selection as oracle


def points(kind: str, n: int, d: int, generator: np.random.Generator) -> np.ndarray:
    if kind == "normal":
        return generator.standard_normal((n, d))
    if kind == "lattice":
        return generator.integers(0, 4, (n, d)).astype(float)
    if kind == "line":
        return np.outer(generator.random(n), np.arange(d) + 1.0)
    if kind == "far":  # from 0, and from each other in groups
        return generator.choice([-3e4, 1e4, 5e4], (n, 1)) + generator.random((n, d))
    return np.zeros((n, d))


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["normal", "lattice", "line", "far", "equal"]),
    n=st.sampled_from([1024, 1025, 1700]),
    d=st.integers(1, 4),
    k=st.sampled_from([16, 40, 130]),
    metric=st.sampled_from(["euclidean", "sqeuclidean"]),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    n_initial=st.sampled_from([0, 1, 5]),
    n_threads=st.sampled_from([1, 3]),
)
def test_picks_are_those_of_the_oracle(seed, kind, n, d, k, metric, dtype, n_initial, n_threads):
    generator = np.random.default_rng(seed)
    X = points(kind, n, d, generator).astype(dtype)
    initial = generator.permutation(n)[:n_initial].tolist()
    found = thinset.select(
        X, k, "max_min", metric=metric, initial_subset=initial, n_threads=n_threads
    )
    indices, gains = oracle.max_min(X, k, metric=metric, initial=initial)
    assert found.indices.tolist() == list(indices)
    assert found.gains.tolist() == list(gains)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_magnitudes_beyond_float32(scale):
    X = np.random.default_rng(0).standard_normal((1500, 3)) * scale
    indices, gains = oracle.max_min(X, 50)
    found = thinset.select(X, 50, "max_min")
    assert found.indices.tolist() == list(indices)
    assert found.gains.tolist() == list(gains)


def test_all_rows_of_many_are_picked():
    X = np.random.default_rng(0).integers(0, 40, (4000, 2)).astype(np.float32)
    found = thinset.select(X, 4000, "max_min")
    assert sorted(found.indices.tolist()) == list(range(4000))
    # Points that are there several times come last, in order of their rows.
    last = found.indices[np.flatnonzero(found.gains == 0)]
    assert (np.diff(last) > 0).all()


IN_A_SMALL_STACK = """
import sys, threading
import numpy as np, thinset

def select():
    print(*thinset.select(np.load(sys.argv[1]), 300, "max_min", n_threads=1).indices)

threading.stack_size(512 * 1024)
thread = threading.Thread(target=select)
thread.start()
thread.join()
"""


def peeled(n_rows: int, at_least: int) -> np.ndarray:
    """One column such that half of every 65 evenly spaced rows are below all the others."""
    rows, values, n_peeled = np.arange(n_rows), np.zeros(n_rows, np.float32), 0
    while len(rows) > at_least:
        lowest = len(rows) // 65 * np.arange(33)
        values[rows[lowest]] = n_peeled
        rows, n_peeled = np.delete(rows, lowest)[::-1], n_peeled + 1
    values[rows] = n_peeled + np.arange(len(rows))
    return values[:, None]


def test_an_order_made_to_mislead_the_splits_makes_no_deep_tree(tmp_path):
    X = peeled(100_000, 4096)
    np.save(tmp_path / "x.npy", X)
    command = [sys.executable, "-c", IN_A_SMALL_STACK, str(tmp_path / "x.npy")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stderr
    with_too_many_columns_for_a_tree = np.pad(X, ((0, 0), (0, 4)))
    expected = thinset.select(with_too_many_columns_for_a_tree, 300, "max_min")
    assert [int(row) for row in ended.stdout.split()] == expected.indices.tolist()
