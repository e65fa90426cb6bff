"""What cannot be selected from on a device, and that the core says the same of it."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from oracles.core import answer, core_answer, on_every_device  # noqa: E402
from thinset.selection import on_device  # noqa: E402


def good_rows():
    return torch.arange(60, dtype=torch.float32).reshape(20, 3)


def altered(row, column, value):
    X = good_rows()
    X[row, column] = value
    return X


LABELS = np.arange(20) % 2
REFUSALS = {
    "NaN": (altered(17, 1, np.nan), {}),
    "the first of two": (torch.maximum(altered(9, 1, np.inf), altered(9, 2, np.nan)), {}),
    "infinity": (altered(4, 0, -np.inf), {"method": "max_min"}),
    "NaN for random": (altered(4, 0, np.nan), {"method": "random"}),
    "NaN in a class": (
        altered(17, 1, np.nan),
        {"method": "max_sum", "labels": LABELS, "per_class": "balanced"},
    ),
    "zero row": (altered(0, slice(None), 0.0), {"method": "max_sum", "metric": "cosine"}),
    "zero row in a class": (
        altered(13, slice(None), 0.0),
        {"method": "max_min", "metric": "cosine", "labels": LABELS, "per_class": "balanced"},
    ),
    "a row whose norm vanishes": (
        torch.where(torch.arange(20)[:, None] == 7, 1e-300, good_rows().double() + 1),
        {"method": "max_min", "metric": "cosine"},
    ),
    "rows too close together": (good_rows().double() * 1e-170, {"method": "max_min"}),
    "rows of subnormals": (good_rows().double() * 5e-324, {"method": "kmeans"}),
    "too close together in a class": (
        good_rows().double() * torch.from_numpy(np.where(LABELS == 1, 1e-170, 1.0))[:, None],
        {"method": "max_sum", "labels": LABELS, "per_class": "balanced"},
    ),
    "too large": (good_rows().double() * 1e130, {"method": "facility_location"}),
    "no rows": (good_rows()[:0], {}),
    "no columns": (good_rows()[:, :0], {}),
    "integers": (good_rows().long(), {}),
    "columns first": (good_rows().t().contiguous().t(), {}),
    "unknown metric": (good_rows(), {"metric": "l1"}),
    "unknown mode": (good_rows(), {"mode": "mean"}),
    "labels too short": (good_rows(), {"labels": LABELS[:-1]}),
    "no labels": (good_rows(), {"per_class": "balanced"}),
    "unknown budget": (good_rows(), {"labels": LABELS, "per_class": "all"}),
    "stratified without labels": (good_rows(), {"method": "random", "stratified": True}),
    "initial row outside": (good_rows(), {"initial_subset": np.array([20])}),
    "initial row twice": (good_rows(), {"initial_subset": np.array([1, 1])}),
    "initial rows > k": (good_rows(), {"initial_subset": np.arange(5)}),
    "initial rows > budget": (
        good_rows(),
        {"initial_subset": np.array([2, 4, 6]), "labels": LABELS, "per_class": "balanced"},
    ),
    "initial rows for kmeans": (good_rows(), {"method": "kmeans", "initial_subset": np.arange(2)}),
    "cosine for kmeans": (good_rows(), {"method": "kmeans", "metric": "cosine"}),
    "all constant": (torch.ones(20, 3), {"drop_constant": True}),
}


@on_every_device
@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_are_those_of_the_core(device, case):
    X, request = REFUSALS[case]
    request = {"method": "topk"} | request
    expected = core_answer(X, 4, **request)
    assert isinstance(expected, str)
    assert answer(on_device.select, X.to(device), 4, **request) == expected


@pytest.mark.parametrize("k", [0, 21])
def test_a_count_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match=rf"n_samples must be in \[1, 20\].*got {k}"):
        on_device.select(good_rows(), k, method="topk")


def test_devices_that_cannot_compute_this_are_refused():
    with pytest.raises(ValueError, match="'meta' have a shape and no values"):
        on_device.select(good_rows().to("meta"), 4, method="topk")
    with pytest.raises(ValueError, match="dense tensor, got layout torch.sparse_coo"):
        on_device.select(good_rows().to_sparse(), 4, method="topk")
    checks = "thinset.selection.on_device.tensor_checks._computes_exactly"
    with (
        mock.patch(checks, side_effect=TypeError("no float64")),
        pytest.raises(ValueError, match=r"does not compute in float64.*\(no float64\)"),
    ):
        on_device.select(good_rows(), 4, method="topk")
    with (
        mock.patch(checks, return_value=False),
        pytest.raises(ValueError, match="does not round as the selection needs"),
    ):
        on_device.select(good_rows(), 4, method="topk")
