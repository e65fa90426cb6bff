"""What loops do to a sampler besides reading every pass to its end."""

from __future__ import annotations

import pickle
import warnings

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader

from thinset.training import TwoPhaseSampler

SUBSET = [3, 14, 15, 9, 2, 6]
N_TOTAL = 20
WORKERS = [(0, False), (2, False), (2, True)]


def sampler(**options) -> TwoPhaseSampler:
    return TwoPhaseSampler(N_TOTAL, SUBSET, **{"fast": "2ep", **options})


def loader(one: TwoPhaseSampler, workers=(0, False), **options) -> DataLoader[int]:
    n_workers, persistent = workers
    return DataLoader(
        range(N_TOTAL),
        **{"batch_size": 1, **options},
        sampler=one,
        num_workers=n_workers,
        persistent_workers=persistent,
    )


def passes(source, n: int) -> list[list[int]]:
    return [[index for batch in source for index in batch.tolist()] for _ in range(n)]


def expected(n: int = 3) -> list[list[int]]:
    one = sampler()
    return [list(one) for _ in range(n)]


@pytest.mark.parametrize("workers", WORKERS)
def test_looks_at_a_batch_change_nothing(workers) -> None:
    source = loader(sampler(), workers)
    for _ in range(2):
        next(iter(source))
    assert passes(source, 1) == expected(1)
    next(iter(source))
    assert passes(source, 2) == expected()[1:]


def test_a_look_changes_nothing_where_workers_fetch_the_whole_pass() -> None:
    source = loader(sampler(), (2, False), batch_size=3)
    next(iter(source))
    assert len(source) == 2
    assert passes(source, 3) == expected()


@pytest.mark.parametrize("workers", WORKERS)
def test_a_pass_that_is_left_after_more_than_a_batch_is_over(workers) -> None:
    source = loader(sampler(), workers, batch_size=2, drop_last=True)
    iterator = iter(source)
    taken = [index for _ in range(2) for index in next(iterator).tolist()]
    assert taken == expected()[0][:4]
    del iterator
    if workers == (2, True):  # these have read all of it, and count from 0 again
        assert [len(one) for one in passes(source, 2)] == [6, 20]
    else:
        assert passes(source, 2) == expected()[1:]


def test_a_loop_of_looks_is_refused() -> None:
    source = loader(sampler(), batch_size=2)
    with pytest.raises(RuntimeError, match="left after its first batch 11 times in a row"):
        for _ in range(20):
            next(iter(source))
    source.sampler.set_epoch(0)
    assert passes(source, 3) == expected()


@pytest.mark.parametrize("workers", WORKERS)
def test_set_epoch_begins_any_pass(workers) -> None:
    one = sampler()
    source = loader(one, workers, batch_size=2)
    passes(source, 2)
    one.set_epoch(0)
    assert passes(source, 1) == expected(1)
    one.set_epoch(2)
    assert one.phase == "fine-tuning"
    assert passes(source, 1) == expected()[2:]
    with pytest.raises(ValueError, match="epoch must be at least 0, got -1"):
        one.set_epoch(-1)


def test_set_epoch_keeps_the_place_of_a_resumed_pass() -> None:
    one = sampler()
    iterator = iter(loader(one, batch_size=2))
    next(iterator)
    next(iterator)
    resumed = sampler()
    resumed.load_state_dict(one.state_dict())
    resumed.set_epoch(0)
    assert list(resumed) == expected()[0][4:]


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("n_batches", [1, 2, 3, 5, 9, 13])
def test_the_state_is_that_of_the_loop_whatever_was_fetched(workers, n_batches: int) -> None:
    one = sampler()
    source = loader(one, workers, batch_size=2)
    taken: list[int] = []
    while len(taken) < 2 * n_batches:
        for batch in source:
            taken += batch.tolist()
            if len(taken) == 2 * n_batches:
                state = one.state_dict()
                break
    resumed = sampler()
    resumed.load_state_dict(state)
    stream = [index for one_pass in expected(5) for index in one_pass]
    rest = [index for _ in range(3) for index in resumed]
    assert taken + rest == stream[: len(taken) + len(rest)]


@pytest.mark.parametrize("n_workers", [0, 2])
def test_the_remainder_that_the_loader_drops_is_over(n_workers: int) -> None:
    one = sampler()
    for _ in loader(one, (n_workers, False), batch_size=4, drop_last=True):
        state = one.state_dict()
    assert (state["pass"], state["position"]) == (1, 0)
    assert len(one) == 6
    again = sampler()
    again.load_state_dict(state)
    assert list(again) == expected()[1]


class Pairs(BatchSampler):
    def __iter__(self):
        indices = list(self.sampler)
        return iter([indices[i : i + 2] for i in range(0, len(indices), 2)])


def test_batches_of_unknown_size_need_n_consumed() -> None:
    one = sampler()
    source = DataLoader(range(N_TOTAL), batch_sampler=Pairs(one, 2, False), num_workers=2)
    next(iterator := iter(source))
    with pytest.raises(ValueError, match="state_dict needs n_consumed"):
        one.state_dict()
    assert one.state_dict(n_consumed=2)["position"] == 2
    assert len(one) == 20
    del iterator


def test_a_length_read_once_for_all_passes_is_warned_of() -> None:
    one = sampler()
    source = loader(one, batch_size=2)
    assert len(source) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        passes(source, 2)
    assert len(source) == 10
    passes(source, 1)
    one.set_epoch(0)
    assert len(source) == 3
    one.set_epoch(2)
    with pytest.warns(UserWarning, match="read when a pass had 6 samples, but this pass has 20"):
        passes(source, 1)


@pytest.mark.filterwarnings("ignore:pass 0 has a single batch:UserWarning")
def test_length_between_passes_is_that_of_the_next() -> None:
    source = loader(sampler(), batch_size=6)
    for n_batches in (1, 1, 4, 4):
        assert len(source) == n_batches
        for _ in zip(range(n_batches), source, strict=False):
            pass  # the iterator is never asked for what comes after the last batch


def test_it_is_pickled_with_its_place_in_mid_pass() -> None:
    one = sampler()
    iterator = iter(loader(one, (2, False), batch_size=2))
    next(iterator)
    again = pickle.loads(pickle.dumps(one))
    assert list(again) == expected()[0][2:]
    assert [batch.tolist() for batch in iterator][-1] == expected()[0][-2:]


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")
@pytest.mark.parametrize("n_workers", [0, 2])
@pytest.mark.parametrize("n_batches", [1, 3, 4, 7])
def test_stateful_data_loader_resumes_after_any_batch(n_workers: int, n_batches: int) -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader")

    def source():
        return stateful.StatefulDataLoader(
            range(N_TOTAL), batch_size=2, sampler=sampler(), num_workers=n_workers
        )

    first = source()
    head: list[int] = []
    while len(head) < 2 * n_batches:
        for batch in first:
            head += batch.tolist()
            if len(head) == 2 * n_batches:
                state = first.state_dict()
                break
    resumed = source()
    resumed.load_state_dict(state)
    rest = [index for one in passes(resumed, 3) for index in one]
    stream = [index for one in expected(6) for index in one]
    assert head + rest == stream[: len(head) + len(rest)]


def test_processes_that_meet_later_are_counted(tmp_path) -> None:
    one = sampler(fast="1st", batch_size=2)
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert len(one) == 2
    finally:
        torch.distributed.destroy_process_group()
