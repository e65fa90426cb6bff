"""Where distances have no value, `select` answers or refuses; it never reads where it may not."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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
