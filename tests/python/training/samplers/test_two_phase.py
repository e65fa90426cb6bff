from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from thinset.training import TwoPhaseSampler

SUBSET = [3, 14, 15, 9, 2, 6]
N_TOTAL = 20


def sampler(**options) -> TwoPhaseSampler:
    return TwoPhaseSampler(N_TOTAL, SUBSET, **{"fast": "2ep", **options})


def passes(one: TwoPhaseSampler, n: int) -> list[list[int]]:
    return [list(one) for _ in range(n)]


def test_passes_over_the_subset_come_first_then_over_everything() -> None:
    first, second, third, fourth = passes(sampler(), 4)
    assert sorted(first) == sorted(second) == sorted(SUBSET)
    assert sorted(third) == sorted(fourth) == list(range(N_TOTAL))


def test_every_pass_has_an_order_of_its_own() -> None:
    first, second, third, fourth = passes(sampler(), 4)
    assert first != second
    assert third != fourth


def test_order_depends_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    expected = passes(sampler(seed=7), 3)
    torch.manual_seed(2)
    assert passes(sampler(seed=7), 3) == expected
    assert passes(sampler(seed=8), 3) != expected


@pytest.mark.parametrize(
    ("fast", "lengths"),
    [
        ("0ep", [20, 20]),
        ("1ep", [6, 20]),
        ("1.5ep", [6, 3, 20]),
        ("8sa", [6, 2, 20]),
        ("5sa", [5, 20]),
        ("2st", [6, 2, 20]),
    ],
)
def test_fast_phase_ends_where_it_is_used_up(fast: str, lengths: list[int]) -> None:
    one = sampler(fast=fast, batch_size=4)
    announced, given = [], []
    for _ in lengths:
        announced.append(len(one))
        given.append(len(list(one)))
    assert announced == given == lengths


def test_phase_names_the_pass_that_comes_next() -> None:
    one = sampler(fast="1ep")
    assert one.phase == "fast"
    list(one)
    assert one.phase == "fine-tuning"


def test_a_pass_that_is_left_is_over() -> None:
    expected = passes(sampler(), 3)
    one = sampler()
    next(iter(one))
    assert passes(one, 2) == expected[1:]


def test_asking_for_an_iterator_alone_abandons_nothing() -> None:
    one = sampler()
    iter(one)
    assert list(one) == list(sampler())


@given(n_taken=st.integers(0, 45))
def test_goes_on_from_its_state_at_any_point(n_taken: int) -> None:
    def stream(one: TwoPhaseSampler, n: int) -> list[int]:
        taken: list[int] = []
        while len(taken) < n:
            for index in one:
                taken.append(index)
                if len(taken) == n:
                    break
        return taken

    expected = stream(sampler(), 60)
    one = sampler()
    head = stream(one, n_taken)
    state = json.loads(json.dumps(one.state_dict()))
    resumed = sampler()
    resumed.load_state_dict(state)
    assert head + stream(resumed, 60 - n_taken) == expected


def test_a_resumed_pass_is_as_long_as_what_is_left_of_it() -> None:
    one = sampler()
    iterator = iter(one)
    for _ in range(4):
        next(iterator)
    resumed = sampler()
    resumed.load_state_dict(one.state_dict())
    assert len(resumed) == 2
    assert len(DataLoader(range(N_TOTAL), batch_size=2, sampler=resumed)) == 1
    assert len(list(resumed)) == 2
    assert len(resumed) == 6


@pytest.mark.parametrize("n_workers", [0, 2])
def test_data_loader_resumes_in_mid_epoch(n_workers: int) -> None:
    def loader(one: TwoPhaseSampler) -> DataLoader[int]:
        return DataLoader(range(N_TOTAL), batch_size=4, sampler=one, num_workers=n_workers)

    def batches(one: TwoPhaseSampler, n_passes: int) -> list[list[int]]:
        source = loader(one)
        return [batch.tolist() for _ in range(n_passes) for batch in source]

    expected = batches(sampler(), 4)
    one = sampler()
    source = loader(one)
    head = [batch.tolist() for _ in range(2) for batch in source]
    for n_batches, batch in enumerate(source, start=1):
        head.append(batch.tolist())
        if n_batches == 3:
            break
    state = one.state_dict(n_consumed=12)
    resumed = sampler()
    resumed.load_state_dict(state)
    assert head + batches(resumed, 2) == expected


def test_n_consumed_counts_from_the_point_of_resumption() -> None:
    one = sampler(fast="0ep")
    iterator = iter(one)
    order = [next(iterator) for _ in range(20)]
    resumed = sampler(fast="0ep")
    resumed.load_state_dict(one.state_dict(n_consumed=5))
    list(resumed)  # a loader that fetches ahead runs to the end
    again = sampler(fast="0ep")
    again.load_state_dict(resumed.state_dict(n_consumed=7))
    assert list(again) == order[12:]


def test_n_consumed_of_a_whole_pass_leads_to_the_next() -> None:
    one = sampler()
    first = list(one)
    resumed = sampler()
    resumed.load_state_dict(one.state_dict(n_consumed=len(first)))
    assert list(resumed) == passes(sampler(), 2)[1]


def test_n_consumed_cannot_be_more_than_was_given() -> None:
    one = sampler()
    next(iter(one))
    with pytest.raises(ValueError, match="from 0 to 1.*got 2"):
        one.state_dict(n_consumed=2)


@pytest.mark.parametrize("other", [{"seed": 1}, {"fast": "3ep"}])
def test_state_of_another_sampler_is_refused(other: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="the state is of another sampler"):
        sampler(**other).load_state_dict(sampler().state_dict())


def test_state_of_another_subset_is_refused() -> None:
    with pytest.raises(ValueError, match="its indices_sha256 is"):
        TwoPhaseSampler(N_TOTAL, SUBSET[::-1], fast="2ep").load_state_dict(sampler().state_dict())


@pytest.mark.parametrize(
    ("fast", "message"), [("7min", "could not be repeated"), ("5st", "needs batch_size")]
)
def test_fast_must_be_countable(fast: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sampler(fast=fast)


@pytest.mark.parametrize("num_replicas", [2, 3, 4, 7, 25])
def test_replicas_divide_every_pass(num_replicas: int) -> None:
    whole = sampler(fast="8sa")
    replicas = [
        sampler(fast="8sa", num_replicas=num_replicas, rank=rank) for rank in range(num_replicas)
    ]
    for _ in range(3):
        assert len({one.phase for one in replicas} | {whole.phase}) == 1
        announced = {len(one) for one in replicas}
        order = list(whole)
        parts = [list(one) for one in replicas]
        assert announced == {len(part) for part in parts} == {-(-len(order) // num_replicas)}
        together = [index for step in zip(*parts, strict=True) for index in step]
        # What fills the last step up comes from the beginning.
        assert together[: len(order)] == order
        assert together[len(order) :] == (order * num_replicas)[: len(together) - len(order)]


def test_a_step_of_several_replicas_has_a_batch_for_each() -> None:
    one = sampler(fast="1st", batch_size=2, num_replicas=3, rank=0)
    assert [len(list(one)) for _ in range(2)] == [2, 7]


def test_the_state_of_one_replica_serves_all() -> None:
    first, second = (sampler(num_replicas=2, rank=rank) for rank in range(2))
    expected = passes(second, 3)
    iterator = iter(first)
    given = [next(iterator), next(iterator)]
    other = sampler(num_replicas=2, rank=1)
    other.load_state_dict(first.state_dict())
    assert len(given) == 2
    assert passes(other, 3) == [expected[0][2:], *expected[1:]]
    with pytest.raises(ValueError, match="its num_replicas is 2, this one's is 1"):
        sampler().load_state_dict(first.state_dict())


@pytest.mark.parametrize(("num_replicas", "rank"), [(2, 2), (2, -1), (0, 0)])
def test_a_rank_outside_is_refused(num_replicas: int, rank: int) -> None:
    with pytest.raises(ValueError, match=r"rank must be from 0 to num_replicas - 1.*got"):
        sampler(num_replicas=num_replicas, rank=rank)


def test_replicas_are_those_of_torch_distributed(tmp_path) -> None:
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        one = sampler()
        assert (one.num_replicas, one.rank) == (1, 0)
    finally:
        torch.distributed.destroy_process_group()
