from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from thinset.training.samplers.class_balance import BalancedPasses

LABELS = np.repeat([0, 1, 2, 5], [100, 30, 7, 1])


def rows_of(passes: BalancedPasses, number: int) -> np.ndarray[Any, Any]:
    return passes.order(number).numpy()


@pytest.mark.parametrize("n_samples", [None, 1, 6, 40, 1000])
def test_no_class_is_ever_ahead_by_more_than_one(n_samples: int | None) -> None:
    passes = BalancedPasses(LABELS, n_samples, seed=0)
    shown = np.zeros(6, np.int64)
    for number in range(9):
        rows = rows_of(passes, number)
        assert len(rows) == passes.length(number) == (n_samples or len(LABELS))
        shown += np.bincount(LABELS[rows], minlength=6)
        counts = shown[[0, 1, 2, 5]]
        assert counts.max() - counts.min() <= 1
    assert shown[[3, 4]].tolist() == [0, 0]  # classes that do not occur


def test_a_class_begins_again_only_when_all_of_it_was_shown() -> None:
    passes = BalancedPasses(LABELS, 40, seed=3)
    n_shown = np.zeros(len(LABELS), np.int64)
    for number in range(35):
        n_shown += np.bincount(rows_of(passes, number), minlength=len(LABELS))
        for label in (0, 1, 2, 5):
            counts = n_shown[label == LABELS]
            assert counts.max() - counts.min() <= 1
    # 35 passes with ten of each class: 3.5 times through the largest.
    assert n_shown[:100].sum() == 350


def test_small_and_large_classes_mix_within_a_pass() -> None:
    labels = LABELS[rows_of(BalancedPasses(LABELS, 400, seed=0), 0)]
    for part in np.split(labels, 4):
        assert np.bincount(part, minlength=6)[[0, 1, 2, 5]].min() > 10


def test_every_pass_has_another_order_and_every_seed() -> None:
    orders = [
        tuple(BalancedPasses(LABELS, None, seed).order(number).tolist())
        for seed in (0, 1)
        for number in (0, 1, 2)
    ]
    assert len(set(orders)) == 6
    again = BalancedPasses(LABELS, None, 1).order(2)
    assert tuple(again.tolist()) == orders[-1]


def test_labels_may_be_numbers_texts_tensors_or_lists() -> None:
    expected = BalancedPasses([0, 1, 1, 2], 8, seed=0).order(0).tolist()
    for labels in (
        torch.tensor([3, 7, 7, 9]), ["cat", "dog", "dog", "fly"],
        np.array([0, 1, 1, 2], np.uint8), np.array([10, 20, 20, 30]),
    ):  # fmt: skip
        assert BalancedPasses(labels, 8, seed=0).order(0).tolist() == expected
    assert set(BalancedPasses([False, True, True], 6, seed=0).order(0).tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "one integer or text for each sample, at least one; got float64 of shape"),
        (np.zeros((3, 2), np.int64), r"got int64 of shape \(3, 2\)"),
        ([0.0, 1.0], "got float64"),
        ([0, 1, -1], "labels must be 0 or more, got -1 at position 2"),
    ],
)
def test_other_labels_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BalancedPasses(labels, None, seed=0)


@pytest.mark.parametrize("n_samples", [0, -3])
def test_a_pass_has_at_least_one_sample(n_samples: int) -> None:
    with pytest.raises(ValueError, match=f"n_samples must be at least 1, got {n_samples}"):
        BalancedPasses([0, 1], n_samples, seed=0)
