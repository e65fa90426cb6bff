from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinset.data import hold_out, nested_subsets
from thinset.data.splits import part_name, require_every_class, source_name


@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=200),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32),
)
def test_every_row_once_and_every_class_by_its_share(
    labels: list[int], fraction: float, seed: int
) -> None:
    n_held_out = round(fraction * len(labels))
    if not 0 < n_held_out < len(labels):
        with pytest.raises(ValueError, match="leaves one side empty"):
            hold_out(labels, fraction, seed)
        return
    train, held_out = hold_out(labels, fraction, seed)

    assert train.dtype == held_out.dtype == np.int64
    assert len(held_out) == n_held_out
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), range(len(labels)))
    np.testing.assert_array_equal(train, np.sort(train))
    np.testing.assert_array_equal(held_out, np.sort(held_out))
    counts = np.bincount(labels)
    share = counts * n_held_out / len(labels)
    assert (abs(np.bincount(np.array(labels)[held_out], minlength=len(counts)) - share) < 1).all()


def test_equal_seeds_equal_splits() -> None:
    labels = np.arange(1000) % 7
    first, again, other = (hold_out(labels, 0.2, seed)[1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_rows_are_drawn_within_a_class_not_taken_from_its_front() -> None:
    _, held_out = hold_out(np.zeros(1000, int), 0.1, 0)
    assert 400 < held_out.mean() < 600  # uniform: mean 500, standard error 29


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 2.0, float("nan"), "half", None])
def test_a_fraction_outside_0_and_1_is_refused(fraction: Any) -> None:
    with pytest.raises(ValueError, match="fraction must be between 0 and 1"):
        hold_out([0, 1, 0, 1], fraction, 0)


def test_labels_that_are_not_integers_are_refused() -> None:
    with pytest.raises(ValueError, match="labels must be integers"):
        hold_out([0.0, float("nan")], 0.5, 0)


@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=200),
    n_held_out=st.integers(1, 199),
    seed=st.integers(0, 2**32),
)
def test_a_count_holds_out_as_many_rows(labels: list[int], n_held_out: int, seed: int) -> None:
    if n_held_out >= len(labels):
        with pytest.raises(ValueError, match=f"a count of {n_held_out} .* leaves one side empty"):
            hold_out(labels, n_held_out, seed)
        return
    train, held_out = hold_out(labels, n_held_out, seed)
    assert len(held_out) == n_held_out
    assert len(train) == len(labels) - n_held_out
    as_fraction = hold_out(labels, n_held_out / len(labels), seed)
    np.testing.assert_array_equal(held_out, as_fraction[1])


# Class sizes of very different orders of magnitude, in any order of rows.
label_lists = st.lists(st.integers(1, 60), min_size=1, max_size=8).flatmap(
    lambda sizes: st.permutations([c for c, size in enumerate(sizes) for _ in range(size)])
)
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)


@given(labels=label_lists, seed=st.integers(0, 2**32))
def test_nested_subsets_are_nested_stratified_and_independent(labels: list[int], seed: int) -> None:
    values = np.array(labels)
    counts = np.bincount(values)
    shares = [share for share in SHARES if round(share * len(values)) >= len(counts)]
    subsets = nested_subsets(values, shares, seed)
    assert list(subsets) == shares
    larger = np.arange(len(values))
    for share, rows in subsets.items():
        n = round(share * len(values))
        assert rows.dtype == np.int64
        assert len(rows) == n
        assert set(rows) <= set(larger)
        assert (np.diff(rows) > 0).all()
        larger = rows
        here = np.bincount(values[rows], minlength=len(counts))
        assert here.min() >= 1
        # All but the classes that have a single row only because they need one.
        exact = counts * n / len(values)
        if (np.floor(exact) >= 1).all():
            assert (abs(here - exact) < 1).all()
        (alone,) = nested_subsets(values, [share], seed).values()
        np.testing.assert_array_equal(alone, rows)


def test_largest_remainders_at_each_size_would_not_nest() -> None:
    """The sizes of the Alabama paradox: with 11 rows, class 2 would have fewer than with 10."""
    labels = np.repeat([0, 1, 2], [60, 60, 20])
    shares = [10 / 140, 11 / 140]
    subsets = nested_subsets(labels, shares, 0)
    small, large = (np.bincount(labels[subsets[share]], minlength=3) for share in shares)
    assert (small.sum(), large.sum()) == (10, 11)
    assert (small <= large).all()
    assert (abs(small - np.array([60, 60, 20]) * 10 / 140) < 1).all()


def test_rare_classes_keep_their_last_row_and_the_others_stay_in_proportion() -> None:
    labels = np.repeat([0, 1, 2, 3], [6000, 3000, 2, 1])
    rows = nested_subsets(labels, [0.01], 0)[0.01]
    counts = np.bincount(labels[rows])
    assert counts[2:].tolist() == [1, 1]
    assert abs(counts[0] - 2 * counts[1]) < 3


def test_balanced_classes_give_balanced_subsets_of_the_paper() -> None:
    labels = np.arange(42_500) % 10
    subsets = nested_subsets(labels, SHARES, 0)
    for share, rows in subsets.items():
        counts = np.bincount(labels[rows])
        assert counts.sum() == round(share * 42_500)
        assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(subsets[1.0], np.arange(42_500))


def test_nested_subsets_depend_on_the_seed_and_are_drawn_within_a_class() -> None:
    labels = np.zeros(1000, int)
    first, again, other = (nested_subsets(labels, [0.1], seed)[0.1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert 400 < first.mean() < 600


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5, float("nan")])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match=rf"above 0 and at most 1, got {share}"):
        nested_subsets([0, 1] * 50, [0.5, share], 0)


def test_fewer_rows_than_classes_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"0\.02 of 200 rows is 4, fewer than the 10 .* at least 0\.05"
    ):
        nested_subsets(np.arange(200) % 10, [0.5, 0.02], 0)


def test_every_class_is_required_in_a_part() -> None:
    labels = np.array([0, 0, 1, 2])
    require_every_class(labels, np.array([0, 2, 3]), "training")
    with pytest.raises(
        ValueError, match="training data would have no sample of class 1, which has 1 among 4"
    ):
        require_every_class(labels, np.array([0, 1, 3]), "training")


def test_parts_of_training_data_are_named_by_their_source() -> None:
    # Earlier versions named a part of a part "digits/train/train".
    for name in ("digits", "digits/train", "digits/train/train"):
        assert source_name(name) == "digits"
        assert part_name(name, "validation") == "digits/validation"
    assert source_name("train") == "train"
    assert source_name("digits/training") == "digits/training"
