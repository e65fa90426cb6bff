"""Loaders with drop_last: the full batches of a pass are all of it, and each pass has one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader

from thinset.training import (
    ClassBalancedSampler,
    LossPruningSampler,
    TwoPhaseEpochSampler,
    TwoPhaseSampler,
)

N_TOTAL = 40
BATCH = 8
WORKERS = [(0, False), (2, False), (2, True)]
LOOK_OR_PASS = "ignore:pass 0 has a single batch:UserWarning"


def two_phases(n_subset: int = 12, fast: str = "2ep", **options) -> TwoPhaseSampler:
    return TwoPhaseSampler(N_TOTAL, list(range(n_subset)), fast=fast, **options)


def loader(sampler, workers=(0, False), batch_size: int = BATCH) -> DataLoader[int]:
    n_workers, persistent = workers
    return DataLoader(
        range(N_TOTAL),
        batch_size,
        sampler=sampler,
        drop_last=True,
        num_workers=n_workers,
        persistent_workers=persistent,
    )


def rows_of_passes(source, n: int) -> list[list[int]]:
    return [[row for batch in source for row in batch.tolist()] for _ in range(n)]


@pytest.mark.filterwarnings(LOOK_OR_PASS)
@pytest.mark.parametrize("workers", WORKERS)
def test_the_full_batches_of_a_pass_are_all_of_it(workers) -> None:
    sampler, other = two_phases(), two_phases()
    source = loader(sampler, workers)
    expected = [list(other) for _ in range(3)]
    for one, phase, n_batches in zip(
        expected, ["fast", "fast", "fine-tuning"], [1, 1, 5], strict=True
    ):
        assert (sampler.phase, len(source)) == (phase, n_batches)
        assert rows_of_passes(source, 1) == [one[: n_batches * BATCH]]


def test_a_batch_sampler_may_drop_the_last() -> None:
    batches = BatchSampler(two_phases(), BATCH, drop_last=True)
    source = DataLoader(range(N_TOTAL), batch_sampler=batches)
    assert [len(rows) for rows in rows_of_passes(source, 3)] == [8, 8, 40]


def test_balanced_passes_of_one_batch_differ() -> None:
    source = loader(ClassBalancedSampler(np.arange(15) % 3))
    passes = rows_of_passes(source, 12)
    assert len({tuple(rows) for rows in passes}) == 12
    assert {len(rows) for rows in passes} == {8}


@pytest.mark.parametrize("workers", [(0, False), (2, True)])
def test_a_look_at_one_of_several_batches_counts_as_none(workers) -> None:
    source = loader(two_phases(30), workers)
    for _ in range(2):
        next(iter(source))
    expected = two_phases(30)
    assert rows_of_passes(source, 3) == [list(expected)[:24], list(expected)[:24], list(expected)]


@pytest.mark.parametrize("workers", [(0, False), (2, False)])
def test_what_may_be_a_look_at_a_pass_of_one_batch_is_warned_of(workers) -> None:
    sampler = two_phases()
    source = loader(sampler, workers)
    next(iter(source))
    with pytest.warns(UserWarning, match="pass 0 has a single batch.*set_epoch"):
        second = rows_of_passes(source, 1)
    sampler.set_epoch(0)
    assert rows_of_passes(source, 1) != second
    sampler.set_epoch(1)  # a loop that names its passes leaves no doubt
    assert rows_of_passes(source, 1) == second


@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_pass_without_a_batch_is_refused(n_workers: int) -> None:
    source = loader(two_phases(5), (n_workers, False))
    message = "pass 0 has 5 samples, fewer than a batch of 8.*drop_last=False.*a larger subset"
    with pytest.raises(ValueError, match=message):
        next(iter(source))
    with pytest.raises(ValueError, match=message):
        len(source)


def test_a_later_pass_without_a_batch_is_refused_at_once() -> None:
    source = loader(two_phases(16, "36sa"))
    with pytest.raises(ValueError, match="pass 2 has 4 samples"):
        next(iter(source))
    assert next(iter(loader(two_phases(16, "40sa")))).shape == (8,)
    with pytest.raises(ValueError, match="pass 3 has 40 samples, fewer than a batch of 41"):
        next(iter(DataLoader(range(40), 41, sampler=after_fast(), drop_last=True)))


def after_fast() -> TwoPhaseSampler:
    sampler = two_phases(16, "40sa")
    sampler.set_epoch(3)
    return sampler


def test_other_samplers_refuse_passes_without_a_batch() -> None:
    for sampler, message in (
        (ClassBalancedSampler([0, 1, 1]), "pass 0 has 3 samples.*or a larger n_samples"),
        (LossPruningSampler(7, 3), "pass 0 has 7 samples"),
        (TwoPhaseEpochSampler(7, [1, 2]), "an epoch has 7 samples"),
    ):
        with pytest.raises(ValueError, match=message):
            next(iter(loader(sampler)))


def test_what_is_left_of_a_resumed_pass_may_be_dropped() -> None:
    sampler = two_phases()
    iterator = iter(sampler)
    for _ in range(6):
        next(iterator)
    state = sampler.state_dict()
    for reads_length in (False, True):
        resumed = two_phases()
        resumed.load_state_dict(state)
        source = loader(resumed)
        if reads_length:
            assert len(source) == 1
        expected = two_phases()
        expected.set_epoch(1)
        assert rows_of_passes(source, 2) == [list(expected)[:8], list(expected)]


def test_n_consumed_may_count_what_the_loader_drops() -> None:
    for n_consumed in (8, 10, 12):
        sampler = two_phases()
        list(loader(sampler))
        state = sampler.state_dict(n_consumed=n_consumed)
        assert (state["pass"], state["position"]) == (1, 0)


def pruned(sampler: LossPruningSampler, n: int) -> list[list[int]]:
    seen = []
    source = loader(sampler)
    for _ in range(n):
        seen.append([])
        for batch in source:
            sampler.mean(torch.ones(len(batch)))
            seen[-1] += batch.tolist()
    return seen


@pytest.mark.parametrize("n_total", [12, 16, 20])
def test_a_pruned_pass_that_is_over_is_not_resumed(n_total: int) -> None:
    sampler = LossPruningSampler(n_total, 4, share=0.0)
    expected = pruned(sampler, 1)
    state = sampler.state_dict()
    expected += pruned(sampler, 2)
    resumed = LossPruningSampler(n_total, 4, share=0.0)
    resumed.load_state_dict(state)
    assert pruned(resumed, 2) == expected[1:]
    assert {len(rows) for rows in expected} == {n_total // 8 * 8}


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (np.zeros((4, 3)), r"ndarray of shape \(4, 3\)"),
        (torch.zeros(4, 3), r"Tensor of shape \(4, 3\)"),
        ([1, 2], "list"),
        (40.0, "40.0"),
    ],
)
def test_samplers_take_the_number_of_samples(value, got: str) -> None:
    for make in (
        lambda: TwoPhaseSampler(value, [0]),
        lambda: TwoPhaseEpochSampler(value, [0]),
        lambda: LossPruningSampler(value, 3),
    ):
        with pytest.raises(
            ValueError, match=f"n_total must be the number of samples, an int, got {got}"
        ):
            make()
    with pytest.raises(ValueError, match=f"n_samples must be the length of a pass.*got {got}"):
        ClassBalancedSampler([0, 1], n_samples=value)


def test_a_pruned_pass_of_one_batch_without_losses_is_warned_of() -> None:
    source = loader(LossPruningSampler(12, 3))
    first = rows_of_passes(source, 1)
    with pytest.warns(UserWarning, match="no losses were given in pass 0, which begins again"):
        assert rows_of_passes(source, 1) == first
