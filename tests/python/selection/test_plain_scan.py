"""max_sum on rows that bounds do not tell apart: it scans all of them, and tries bounds again."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from oracles import selection as oracle


def directions(n, d, n_outside):
    """Independent directions, a few of them of other lengths."""
    generator = np.random.default_rng(7)
    X = generator.standard_normal((n, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    X[:n_outside] *= generator.uniform(0.5, 3.0, (n_outside, 1))
    return X.astype(np.float32)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("n_outside", [0, 60])
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
def test_the_answer_is_that_of_the_definition(metric, n_outside, n_threads):
    X = directions(700, 40, n_outside)
    indices, gains = oracle.max_sum(X, 300, metric=metric, initial=[5, 600])
    selection = thinset.select(
        X, 300, "max_sum", metric=metric, initial_subset=[5, 600], n_threads=n_threads
    )
    assert selection.indices.tolist() == indices
    assert selection.gains.tolist() == gains
