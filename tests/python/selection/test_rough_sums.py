"""max_sum where it sums distances in float32 first: the choice is that of float64 throughout."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import thinset
from oracles import selection as oracle

N_ROWS = 600
DIMENSIONS = [3, 70]


def clustered(d: int, dtype: Any) -> Any:
    """Rows of about one length around many centres, some of them twice."""
    generator = np.random.default_rng(d)
    centres = generator.standard_normal((60, d))
    X = centres[generator.integers(0, 60, N_ROWS)] + 0.8 * generator.standard_normal((N_ROWS, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    X[-150:] = X[:150]
    return X.astype(dtype)


def _terms() -> dict[str, dict[str, Any]]:
    generator = np.random.default_rng(0)
    scores = generator.uniform(0.5, 1.0, N_ROWS)
    groups = generator.integers(0, 200, N_ROWS)
    return {
        "plain": {},
        "initial": {"initial_subset": [3, 300]},
        "excluded": {"exclude": np.arange(0, N_ROWS, 3)},
        "scores": {"scores": scores, "score_weight": 0.2},
        "groups": {"groups": groups, "max_per_group": 1},
        "whole groups": {"groups": groups, "whole_groups": True},
        "costs": {"costs": scores, "budget": 70.0},
    }


TERMS = _terms()


# float64 rows are measured in float64 throughout.
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
def test_the_choice_is_that_of_the_same_values_in_float64(metric, dtype, terms):
    k = None if terms == "costs" else 120
    for d in DIMENSIONS:
        X = clustered(d, dtype)
        expected = thinset.select(
            X.astype(np.float64), k, "max_sum", metric=metric, n_threads=1, **TERMS[terms]
        )
        selection = thinset.select(X, k, "max_sum", metric=metric, n_threads=2, **TERMS[terms])
        assert selection.indices.tolist() == expected.indices.tolist()
        assert selection.gains.tolist() == expected.gains.tolist()


def test_existing_rows_count_as_they_do_in_float64():
    X, owned = clustered(70, np.float32), clustered(71, np.float32)[:50, :70]
    selection = thinset.select(X, 120, "max_sum", metric="cosine", existing=owned)
    expected = thinset.select(
        X.astype(np.float64), 120, "max_sum", metric="cosine", existing=owned.astype(np.float64)
    )
    assert selection.indices.tolist() == expected.indices.tolist()
    assert selection.gains.tolist() == expected.gains.tolist()


# float32 cannot hold the squares of some rows.
@pytest.mark.parametrize("magnitude", [1e-22, 1e-38, 1e18, 1e37])
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
def test_magnitudes_beyond_the_squares_of_float32_make_no_difference(metric, magnitude):
    for d in DIMENSIONS:
        X = clustered(d, np.float32) * np.float32(magnitude)
        X[::7] *= np.float32(0.1)
        indices, gains = oracle.max_sum(X, 70, metric=metric, initial=[5, 400])
        selection = thinset.select(X, 70, "max_sum", metric=metric, initial_subset=[5, 400])
        assert selection.indices.tolist() == indices
        assert selection.gains.tolist() == gains
