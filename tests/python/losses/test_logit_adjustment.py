from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from thinset.losses import LogitAdjusted, classification

SIZES = [90, 9, 1]


def naive(logits: np.ndarray, labels: np.ndarray, tau: float) -> np.ndarray:
    """Menon et al., Eq. 10, term by term."""
    frequencies = np.array(SIZES) / sum(SIZES)
    losses = []
    for row, label in zip(logits, labels, strict=True):
        terms = [
            np.exp(other - row[label]) * (frequencies[k] / frequencies[label]) ** tau
            for k, other in enumerate(row)
        ]
        losses.append(np.log(sum(terms)))
    return np.array(losses)


@pytest.mark.parametrize("tau", [1, 0.5, 2.5])
def test_losses_are_those_of_the_formula(tau: float) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(8, 3)), rng.integers(0, 3, 8)
    outcome = LogitAdjusted(SIZES, tau)(
        nn.Identity(), torch.from_numpy(logits).float(), torch.from_numpy(labels)
    )
    np.testing.assert_allclose(outcome.losses, naive(logits, labels, tau), rtol=1e-5, atol=1e-6)
    # The prediction is that of plain logits.
    assert int(outcome.n_correct) == int((logits.argmax(axis=1) == labels).sum())


def test_gradients_are_those_of_the_formula() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(4, 3)), np.array([0, 1, 2, 2])
    variable = torch.from_numpy(logits).float().requires_grad_()
    LogitAdjusted(SIZES)(nn.Identity(), variable, torch.from_numpy(labels)).losses.sum().backward()
    for row, column in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[row, column] = 1e-5
        slope = (naive(logits + step, labels, 1) - naive(logits - step, labels, 1)).sum() / 2e-5
        assert float(variable.grad[row, column]) == pytest.approx(slope, abs=1e-4)


def test_equal_classes_make_no_difference_and_coarse_logits_are_computed_in_float32() -> None:
    logits, labels = torch.tensor([[0.0, 6.0], [1.0, 0.0]]), torch.tensor([1, 1])
    expected = classification(nn.Identity(), logits, labels).losses
    torch.testing.assert_close(
        LogitAdjusted([5, 5])(nn.Identity(), logits, labels).losses, expected
    )
    coarse = LogitAdjusted([5, 5])(nn.Identity(), logits.bfloat16(), labels).losses
    assert coarse.dtype == torch.float32
    torch.testing.assert_close(coarse, expected)


def test_a_class_without_samples_is_trained_as_by_plain_logits() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    loss = LogitAdjusted([3, 1, 0])(nn.Identity(), logits, torch.tensor([1])).losses
    # 1/4 against 3/4, 1/4 and the unadjusted 1.
    assert float(loss.detach()) == pytest.approx(np.log(8), rel=1e-6)
    loss.sum().backward()
    np.testing.assert_allclose(logits.grad, [[3 / 8, 1 / 8 - 1, 4 / 8]], rtol=1e-6)


def test_sizes_are_counted() -> None:
    labels = np.array([2, 0, 2, 2])
    labels.flags.writeable = False  # as those of a dataset folder
    sizes = LogitAdjusted.class_sizes_of(labels, 4)
    assert sizes.tolist() == [1, 0, 3, 0]
    assert repr(LogitAdjusted(sizes)) == repr(LogitAdjusted([1, 0, 3, 0], 1.0))
    assert repr(LogitAdjusted(sizes)) != repr(LogitAdjusted([1, 0, 2, 1]))
    assert repr(LogitAdjusted(sizes)) != repr(LogitAdjusted(sizes, 2))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.5, 0.5], "one class number for each sample, got torch.float32"),
        ([[0, 1]], r"one class number for each sample, got torch.int64 of shape \(1, 2\)"),
        ([0, -1], r"labels must be in \[0, 1\], got -1 at position 1"),
        ([0, 1, 2], r"labels must be in \[0, 1\], got 2 at position 2"),
    ],
)
def test_labels_that_cannot_be_counted_are_refused(labels: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LogitAdjusted.class_sizes_of(labels, 2)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([1, -1], "none below 0"),
        ([1, float("nan")], "finite numbers"),
        ([[1, 2]], "one row"),
        ([0, 0], "at least one class with samples"),
    ],
)
def test_sizes_are_checked(sizes: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LogitAdjusted(sizes)


@pytest.mark.parametrize("tau", [0, -1, float("nan"), float("inf"), 101, True, "1"])
def test_the_strength_is_checked(tau: object) -> None:
    with pytest.raises(ValueError, match="tau must be above 0 and at most 100, got "):
        LogitAdjusted([1, 2], tau)  # type: ignore[arg-type]


def test_other_labels_and_logits_are_refused() -> None:
    loss = LogitAdjusted([1, 2])
    with pytest.raises(ValueError, match=r"needs class numbers .* got soft labels of shape \(2, 2"):
        loss(nn.Identity(), torch.zeros(2, 2), torch.full((2, 2), 0.5))
    with pytest.raises(ValueError, match=r"one logit for each of 2 class sizes, got .*\(2, 3\)"):
        loss(nn.Identity(), torch.zeros(2, 3), torch.tensor([0, 1]))
