"""Density, coverage, precision and recall against all pairs, to the last count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import nearest as oracle
from thinset.metrics import density_and_coverage, precision_and_recall


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(7, 120),
    m=st.integers(7, 120),
    d=st.sampled_from([1, 2, 16, 70]),
    k=st.integers(1, 6),
    on_a_grid=st.booleans(),
    n_threads=st.sampled_from([1, 3]),
)
def test_counts_are_those_of_all_pairs(seed, n, m, d, k, on_a_grid, n_threads):
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n + m, d))
    if on_a_grid:  # many samples exactly on the border of a ball
        X = np.round(X)
    X = X.astype(np.float32)
    real, generated = X[:n], X[n:]
    found = density_and_coverage(real, generated, k, n_threads=n_threads)
    assert (found.density, found.coverage) == oracle.density_and_coverage(real, generated, k)
    found = precision_and_recall(real, generated, k, n_threads=n_threads)
    assert (found.precision, found.recall) == oracle.precision_and_recall(real, generated, k)
    assert (found.k, found.n_real, found.n_generated) == (k, n, m)


def test_landmarks():
    generator = np.random.default_rng(0)
    real, same, far = generator.standard_normal((3, 1500, 8)).astype(np.float32)
    far = far + 100
    alike = density_and_coverage(real, same)
    assert alike.density == pytest.approx(1.0, abs=0.1)
    assert alike.coverage > 0.95
    assert density_and_coverage(real, far) == type(alike)(0.0, 0.0, 5, 1500, 1500)
    narrow = density_and_coverage(real, real[:1] + 1e-3 * same)
    assert narrow.density > 1
    assert narrow.coverage < 0.05
    apart = precision_and_recall(real, far)
    assert (apart.precision, apart.recall) == (0.0, 0.0)
    itself = precision_and_recall(real, real)
    assert (itself.precision, itself.recall) == (1.0, 1.0)


def test_matrices_of_two_types_are_compared():
    generator = np.random.default_rng(1)
    real, generated = generator.standard_normal((2, 50, 3)).astype(np.float32)
    expected = density_and_coverage(real, generated)
    assert density_and_coverage(real.astype(np.float64), generated) == expected
    assert density_and_coverage(real, generated.astype(np.float64)) == expected


@pytest.mark.parametrize("measure", [density_and_coverage, precision_and_recall])
@pytest.mark.parametrize(
    ("real", "generated", "k", "message"),
    [
        (np.ones((5, 2)), np.ones((5, 2)), 5, r"k must be an int in \[1, 4\], the other samples"),
        (np.ones((5, 2)), np.ones((5, 2)), 0, "k must be an int"),
        (np.ones((5, 2)), np.ones((5, 3)), 2, "different extractors"),
        (np.ones((5, 2)), np.full((5, 2), np.nan), 2, "generated must be finite: row 0"),
        (np.ones((1, 2)), np.ones((5, 2)), 1, "real must have at least two samples"),
        (np.ones((0, 2)), np.ones((5, 2)), 1, "real must have at least two samples"),
    ],
)
def test_bad_input_is_refused(measure, real, generated, k, message):
    with pytest.raises(ValueError, match=message):
        measure(real, generated, k)
