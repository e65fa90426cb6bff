from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinset.data import hold_out_groups


@given(
    n_groups=st.integers(2, 40),
    n_classes=st.integers(1, 5),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**32),
)
def test_no_group_is_divided_and_every_row_is_in_one_part(
    n_groups: int, n_classes: int, share: float, seed: int
) -> None:
    g = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(n_groups), g.integers(0, n_groups, 3 * n_groups)])
    labels = g.integers(0, n_classes, len(groups))
    n_held_out = min(max(1, round(share * len(groups))), len(groups) - 1)
    train, held_out = hold_out_groups(labels, groups, n_held_out, seed)
    assert len(train)
    assert len(held_out)
    assert not set(groups[train]) & set(groups[held_out])
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), range(len(labels)))
    names = np.array([f"patient {group:02}" for group in groups])
    for again, expected in zip(
        hold_out_groups(labels, names, n_held_out, seed), (train, held_out), strict=True
    ):
        np.testing.assert_array_equal(again, expected)


def test_sizes_and_classes_are_met_nearly() -> None:
    g = np.random.default_rng(0)
    groups, labels = g.integers(0, 300, 3000), g.integers(0, 6, 3000)
    _, held_out = hold_out_groups(labels, groups, 600, 1)
    assert abs(len(held_out) - 600) <= 30
    shares = np.bincount(labels[held_out]) / np.bincount(labels)
    np.testing.assert_allclose(shares, 0.2, atol=0.03)
    other = hold_out_groups(labels, groups, 600, 2)[1]
    assert set(groups[other]) != set(groups[held_out])


@pytest.mark.parametrize(
    ("groups", "n_held_out", "message"),
    [
        ([1, 1, 1], 1, "at least two different entries to be divided, got 1"),
        ([1, 2], 1, "groups must have one entry per row: expected 3, got 2"),
        ([1, 2, 3], 3, "a count of 3 of 3 rows leaves one side empty"),
        (["a", None, "b"], 1, "groups must be texts or integers: entry 1 is None"),
        (["a", float("nan"), "b"], 1, "groups must be texts or integers: entry 1 is nan"),
        (np.array([1.0, np.nan, 1.0]), 1, "groups must be texts or integers: entry 0 is 1.0"),
        ("abc", 1, "groups must have one entry per row, got 'abc'"),
        ([[1], [2], [3]], 1, "groups must have one entry per row, got"),
    ],
)
def test_refusals(groups: object, n_held_out: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hold_out_groups([0, 0, 1], groups, n_held_out, 0)
