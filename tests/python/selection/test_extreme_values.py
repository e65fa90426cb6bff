"""Where distances have no value in float64, `select` refuses; it never follows the row numbers."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import thinset
from thinset import _core

MATRICES = {
    "rows that cancel out": "np.array([[1.0, 2], [-1, -2], [2, 1], [-2, -1]])",
    "squares that overflow": "np.random.default_rng(0).standard_normal((50, 3)) * 1e200",
    "sums that overflow": "np.repeat([[1e308], [-1e308]], 1050, axis=0)",
    "squares that vanish": "np.random.default_rng(0).standard_normal((50, 3)) * 1e-200",
    "products that vanish": "np.random.default_rng(0).standard_normal((50, 3)) * 1e-161",
}
# In a process of its own: the worst answer is a crash.
PROGRAM = """
import json, sys, numpy as np, thinset
X = {matrix}
try:
    print(json.dumps(thinset.select(X, 4, {method!r}, **{options!r}).indices.tolist()))
except ValueError as refusal:
    print(json.dumps(str(refusal)))
"""


def answer(**question):
    program = PROGRAM.format(**question)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("topk", {}),
        ("max_sum", {"metric": "euclidean"}),
        ("max_sum", {"metric": "cosine"}),
        ("max_min", {"metric": "euclidean"}),
        ("max_min", {"metric": "cosine"}),
        ("facility_location", {"metric": "euclidean"}),
        ("facility_location", {"metric": "cosine"}),
        ("kmeans", {}),
    ],
)
def test_an_answer_or_a_refusal(matrix, method, options):
    found = answer(matrix=MATRICES[matrix], method=method, options=options)
    if isinstance(found, list):
        assert len(set(found)) == 4
        assert min(found) >= 0
    else:
        assert found


def test_nothing_is_left_to_choose():
    options = {"refill": False, "initial_subset": [3, 0, 2, 1]}
    assert answer(matrix="np.eye(5)", method="topk", options=options) == [3, 0, 2, 1]


DISTANCE_METHODS = ["max_sum", "max_min", "facility_location", "kmeans"]


def normal(scale, n=200):
    return np.random.default_rng(0).standard_normal((n, 4)) * scale


@pytest.mark.parametrize("method", DISTANCE_METHODS)
@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-200, 1e-170, 1e-161, 1e-155, 1e-130])
def test_rows_too_close_together_for_squares_are_refused(method, scale):
    X = normal(scale) if scale > 1e-320 else np.arange(40.0).reshape(20, 2) * scale
    span = np.ptp(X, axis=0).max()
    with pytest.raises(ValueError, match="differ by at most") as refusal:
        thinset.select(X, 5, method)
    message = str(refusal.value)
    assert f"{span:g}, in column {np.ptp(X, axis=0).argmax()}" in message
    # What the message says to do gives the selection that ordinary magnitudes give.
    found = re.search(r"multiply the embeddings by (1e\d+) ", message)
    assert found is not None
    factor = float(found[1])
    selected = thinset.select(X * factor, 5, method).indices
    if scale == 1e-170:
        assert selected.tolist() == thinset.select(normal(1.0), 5, method).indices.tolist()


@pytest.mark.parametrize("scale", [1e-110, 1e-30, 1.0, 1e30, 1e110])
@pytest.mark.parametrize("method", DISTANCE_METHODS)
def test_a_factor_within_the_range_changes_no_selection(method, scale):
    power_of_two = 2.0 ** round(np.log2(scale))
    selected = thinset.select(normal(power_of_two), 20, method).indices
    assert selected.tolist() == thinset.select(normal(1.0), 20, method).indices.tolist()


def test_small_rows_beside_a_constant_column_are_refused():
    X = np.hstack([np.ones((200, 1)), normal(1e-170)])
    with pytest.raises(ValueError, match=r"in column [1-4]; .*\(leave out columns with one value"):
        thinset.select(X, 5, "max_min")


def test_rows_of_one_class_too_close_together_are_refused():
    labels = np.arange(200) % 2
    X = np.where(labels[:, None] == 1, normal(1e-170), normal(1.0))
    with pytest.raises(ValueError, match="the rows of class 1 differ by at most"):
        thinset.select(X, 10, "max_min", labels=labels, per_class=True)


@pytest.mark.parametrize("method", DISTANCE_METHODS)
def test_equal_rows_are_no_such_case(method):
    X = np.full((20, 3), 1e-200)
    assert len(set(thinset.select(X, 5, method).indices.tolist())) == 5
    assert len(thinset.select(X.astype(np.float32), 5, method)) == 5


@pytest.mark.parametrize("method", ["max_sum", "max_min", "facility_location"])
def test_cosine_says_what_is_wrong_with_a_norm(method):
    X = normal(1.0)
    for value, message in [
        (1e-300, "row 7 has no value beyond .*-1e-300; multiply the row by 1e300"),
        (1e-160, "row 7 has no value beyond .*-1e-160; multiply the row by 1e160"),
        (0.0, "row 7 is all zeros"),
        (1e200, "multiply the embeddings by 1e-200"),
    ]:
        X[7] = value
        with pytest.raises(ValueError, match=message):
            thinset.select(X, 5, method, metric="cosine")
    # Directions do not depend on magnitudes that can be squared.
    lengths = 2.0 ** np.random.default_rng(1).integers(-300, 300, (200, 1))
    options = {"metric": "cosine", "initial_subset": [0]}
    selected = thinset.select(normal(1.0) * lengths, 20, method, **options).indices
    assert selected.tolist() == thinset.select(normal(1.0), 20, method, **options).indices.tolist()


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e-161, 1e150, 1e170, 1e300])
def test_figures_are_right_at_every_magnitude(scale):
    X = normal(1.0)
    there = thinset.select(X * scale, 10, "random").objective
    for name, figure in thinset.select(X, 10, "random").objective.items():
        np.testing.assert_allclose(there[name], figure * scale, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1.0, 1e170, 1e300])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_duplicates_are_right_at_every_magnitude(scale, dtype):
    X = np.repeat(normal(1.0, 50), 2, axis=0)
    X[1::4] += 1e-3
    X = (X * (scale if dtype == np.float64 else 1.0)).astype(dtype)
    scale = scale if dtype == np.float64 else 1.0
    assert len(thinset.deduplicate(X, 0.0)) == 75
    assert len(thinset.deduplicate(X, 0.01 * scale)) == 50
    assert len(thinset.deduplicate(X, 0.0, metric="sqeuclidean")) == 75


def test_topk_takes_every_finite_value():
    X = normal(1.0)
    for scale in (1e-300, 1e300):
        expected = thinset.select(X, 20, "topk").indices.tolist()
        assert thinset.select(X * scale, 20, "topk").indices.tolist() == expected


def test_certificates_hold_where_squares_vanish():
    X = normal(1e-170, 30)
    selection = thinset.select(X, 5, "random")
    name = "upper_bound_of_sum_of_pairwise_distances"
    assert selection.certificates[name] >= selection.objective["sum_of_pairwise_distances"] > 0
    indices = np.arange(5)
    X[3] = 1e-300
    with pytest.raises(ValueError, match="row 3 has no value beyond"):
        _core.upper_bound_of_sum_of_pairwise_distances(X * 1e160, indices, metric="cosine")
