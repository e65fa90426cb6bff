from __future__ import annotations

import numpy as np
import pytest
import torch

import thinset
from thinset.training import TwoPhaseEpochSampler, TwoPhaseSampler
from thinset.training.samplers.subset import subset_rows

ROWS = [3, 14, 15, 9, 2, 6]
N_TOTAL = 20
MASK = np.isin(np.arange(N_TOTAL), ROWS)


@pytest.mark.parametrize(
    "indices",
    [
        ROWS,
        tuple(ROWS),
        np.array(ROWS, np.uint8),
        np.array(ROWS, np.int32),
        torch.tensor(ROWS),
        torch.tensor(ROWS, requires_grad=False).to(torch.int16),
    ],
)
def test_row_numbers_keep_their_order(indices: object) -> None:
    assert subset_rows(indices, N_TOTAL).tolist() == ROWS


@pytest.mark.parametrize("mask", [MASK, MASK.tolist(), torch.from_numpy(MASK)])
def test_a_mask_means_the_rows_where_it_is_true(mask: object) -> None:
    assert subset_rows(mask, N_TOTAL).tolist() == sorted(ROWS)


def test_a_selection_means_its_rows() -> None:
    embeddings = np.random.default_rng(0).normal(size=(N_TOTAL, 3))
    selection = thinset.select(embeddings, 6, random_state=0)
    assert subset_rows(selection, N_TOTAL).tolist() == selection.indices.tolist()
    for kind in (TwoPhaseSampler, TwoPhaseEpochSampler):
        assert list(kind(N_TOTAL, selection)) == list(kind(N_TOTAL, selection.indices))
    with pytest.raises(ValueError, match="made from 20 samples, but the dataset has 21"):
        TwoPhaseSampler(21, selection)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([], "at least one integer"),
        ([0.5], "got float64"),
        ([[1, 2]], r"shape \(1, 2\)"),
        (3, r"shape \(\)"),
        (["1", "2"], "got <U1"),
        (MASK[:-1], "a value for each of the 20 samples, got 19"),
        ([True, False], "a value for each of the 20 samples, got 2"),
        (np.zeros(N_TOTAL, bool), "the mask selects no sample"),
        ([0, 20], "in 0..19, got 20 at position 1"),
        ([0, 1, -1], "got -1 at position 2"),
        ([5, 4, 3, 4], "must not repeat, got 4 at positions 1 and 3"),
    ],
)
def test_anything_else_is_refused(indices: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        subset_rows(indices, N_TOTAL)


@pytest.mark.parametrize("fast", [3, np.int64(3)])
def test_a_whole_number_for_fast_counts_epochs(fast: object) -> None:
    for kind in (TwoPhaseSampler, TwoPhaseEpochSampler):
        assert list(kind(N_TOTAL, ROWS, fast=fast)) == list(kind(N_TOTAL, ROWS, fast="3ep"))


@pytest.mark.parametrize("fast", [0.3, True, None, [3]])
def test_other_values_for_fast_are_refused(fast: object) -> None:
    for kind in (TwoPhaseSampler, TwoPhaseEpochSampler):
        with pytest.raises(ValueError, match=r"fast must be a length such as '3ep'.*got"):
            kind(N_TOTAL, ROWS, fast=fast)
