from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.report import ReportInputs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((200, 8, 8))}, r"images must be .* got \(200, 8, 8\)"),
        ({"images": np.zeros((0, 8, 8, 1))}, "images must be a non-empty"),
        ({"labels": np.zeros(199, dtype=np.int64)}, r"labels must have the shape \(200,\)"),
        ({"labels": np.full(200, -1)}, "labels must be at least 0 .* got -1..-1"),
        ({"labels": np.full(200, 4)}, "below 4, one per class name, got 4..4"),
        ({"embeddings": np.zeros((199, 3))}, r"embeddings must have the shape \(200, D\)"),
        ({"embeddings": np.zeros((200, 0))}, r"got \(200, 0\)"),
        ({"selected_indices": np.array([0, 5, 200])}, r"must lie in 0..199, got 200 at position 2"),
        ({"random_indices": np.array([0, -1])}, "random_indices must lie in .* got -1"),
        ({"selected_indices": np.array([], dtype=np.int64)}, "non-empty"),
        ({"selected_indices": np.array([0.5])}, "array of integers, got float64"),
        ({"selected_indices": np.zeros((2, 2), dtype=np.int64)}, r"1-dimensional"),
    ],
)
def test_inputs_that_do_not_fit_together_are_refused(
    make_inputs: Callable[..., ReportInputs], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_inputs(**changes)
