from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thinset.training import TwoPhaseEpochSampler, TwoPhaseSampler

SUBSET = [3, 14, 15, 9, 2, 6]
N_TOTAL = 20


def sampler(**options) -> TwoPhaseEpochSampler:
    return TwoPhaseEpochSampler(N_TOTAL, SUBSET, **{"fast": "5ep", **options})


def epoch(one: TwoPhaseEpochSampler, number: int) -> list[int]:
    one.set_epoch(number)
    return list(one)


@given(
    n_fast=st.integers(0, 70),
    seed=st.integers(0, 5),
    n_total=st.integers(15, 40),
)
def test_epochs_are_the_stream_of_the_two_phase_sampler(
    n_fast: int, seed: int, n_total: int
) -> None:
    options = {"fast": f"{n_fast}sa", "seed": seed}
    indices = [index % n_total for index in SUBSET]
    passes = TwoPhaseSampler(n_total, indices, **options)
    stream = [index for _ in range(20) for index in passes]
    one = TwoPhaseEpochSampler(n_total, indices, **options)
    for number in (4, 0, 1, 3, 2):
        assert epoch(one, number) == stream[number * n_total : (number + 1) * n_total]


def test_an_epoch_has_as_many_samples_as_everything() -> None:
    one = sampler()
    for number in range(4):
        assert len(epoch(one, number)) == len(one) == N_TOTAL
    assert set(epoch(one, 0)) == set(SUBSET)
    assert set(epoch(one, 1)) > set(SUBSET)


def test_an_epoch_goes_on_after_what_start_leaves_out() -> None:
    one = sampler()
    expected = epoch(one, 1)
    one.start = 13
    assert list(one) == expected[13:]
    assert len(one) == N_TOTAL
    one.set_epoch(1)
    assert list(one) == expected[13:]
    assert epoch(one, 2) == epoch(sampler(), 2)
    assert epoch(one, 1) == expected


@pytest.mark.parametrize("num_replicas", [2, 3, 7, 25])
def test_replicas_divide_every_epoch(num_replicas: int) -> None:
    whole = sampler()
    parts = [sampler(num_replicas=num_replicas, rank=rank) for rank in range(num_replicas)]
    for number in range(3):
        order = epoch(whole, number)
        shares = [epoch(one, number) for one in parts]
        assert {len(share) for share in shares} == {len(one) for one in parts}
        together = [index for step in zip(*shares, strict=True) for index in step]
        assert together[:N_TOTAL] == order
        assert together[N_TOTAL:] == (order * num_replicas)[: len(together) - N_TOTAL]


def test_replicas_are_counted_when_iteration_begins(tmp_path) -> None:
    one = sampler(fast="1st", batch_size=2)
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert len(epoch(one, 0)) == N_TOTAL
    finally:
        torch.distributed.destroy_process_group()
    assert sampler(fast="1st", batch_size=2, num_replicas=3, rank=1).identity() == {
        **one.identity(),
        "n_fast_samples": 6,
    }


def test_wrong_arguments_are_told_of_at_once() -> None:
    with pytest.raises(ValueError, match="needs batch_size"):
        sampler(fast="5st")
    with pytest.raises(ValueError, match=r"indices must be in 0..4, got 14 at position 1"):
        TwoPhaseEpochSampler(5, SUBSET)
