from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinset.data import hold_out


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


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 2.0, float("nan")])
def test_a_fraction_outside_0_and_1_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction must be between 0 and 1"):
        hold_out([0, 1, 0, 1], fraction, 0)


def test_labels_that_are_not_integers_are_refused() -> None:
    with pytest.raises(ValueError, match="labels must be integers"):
        hold_out([0.0, float("nan")], 0.5, 0)
