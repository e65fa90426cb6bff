"""Two processes under Accelerate see every pass once, however Accelerate divides it."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader

from thinset.training import LossPruningSampler, TwoPhaseEpochSampler, TwoPhaseSampler

SCRIPT = Path(__file__).with_name("accelerate_processes.py")
N_TOTAL = 32
SUBSET = list(range(8))


@pytest.fixture(scope="module")
def seen(in_two_processes, tmp_path_factory) -> list[dict]:
    return in_two_processes(SCRIPT, tmp_path_factory.mktemp("seen"))


def passes(fast: str = "2ep", n: int = 3) -> list[list[int]]:
    sampler = TwoPhaseSampler(N_TOTAL, SUBSET, fast=fast)
    return [list(sampler) for _ in range(n)]


def together(pair: list[list[list[int]]]) -> list[int]:
    """The samples of one pass that both processes saw, in any order."""
    return sorted(chain.from_iterable(chain.from_iterable(pair)))


def both(seen: list[dict], *keys: str) -> list[list[int]]:
    for key in keys:
        seen = [one[key] for one in seen]
    return [together(pair) for pair in zip(*seen, strict=True)]


@pytest.mark.parametrize(
    "name", ["shard", "split", "dispatch", "dispatch and split", "uneven", "seedable"]
)
def test_every_pass_is_divided_once(seen: list[dict], name: str) -> None:
    assert both(seen, "two phases", name, "passes") == [sorted(one) for one in passes()]
    lengths = {one["two phases"][name]["length"] for one in seen}
    assert lengths == {4 if "split" in name else 2}
    for one in seen:
        assert len(set(map(len, chain(*one["two phases"][name]["passes"])))) == 1


@pytest.mark.parametrize("name", ["workers", "not prepared"])
def test_also_with_workers_and_without_accelerate(seen: list[dict], name: str) -> None:
    assert both(seen, "two phases", name, "passes") == [sorted(one) for one in passes()]


def test_what_does_not_divide_evenly_is_filled_up(seen: list[dict]) -> None:
    seen_passes = both(seen, "two phases", "larger batches", "passes")
    assert [len(one) for one in seen_passes] == [12, 12, 36]
    assert [set(one) for one in seen_passes] == [set(one) for one in passes()]


def test_the_sampler_may_be_made_before_the_accelerator(seen: list[dict]) -> None:
    assert both(seen, "made early") == [sorted(one) for one in passes()]


def test_steps_are_those_of_all_processes(seen: list[dict]) -> None:
    assert [one["steps"] for one in seen] == [[2, 1, 8]] * 2


def test_every_process_announces_the_next_pass(seen: list[dict]) -> None:
    fast, everything = [2, "fast", 2], [8, "fine-tuning", 8]
    assert [one["announced"] for one in seen] == [[fast, fast, everything, everything]] * 2


def test_epochs_of_one_length_are_divided_once(seen: list[dict]) -> None:
    sampler = TwoPhaseEpochSampler(N_TOTAL, SUBSET, fast="4ep")
    for epoch, one in enumerate(both(seen, "epochs")):
        sampler.set_epoch(epoch)
        assert one == sorted(sampler)


def test_resumes_where_the_loop_was_although_accelerate_reads_ahead(seen: list[dict]) -> None:
    first, second, third, _ = passes(n=4)
    rests = [[together(pair) for pair in zip(*rest, strict=True)] for rest in zip(
        *(one["resumed"] for one in seen), strict=True
    )]  # fmt: skip
    assert rests == [
        [sorted(first[4:]), sorted(second)],
        [sorted(second), sorted(third)],
        [sorted(second[4:]), sorted(third)],
        [sorted(third[8:]), sorted(passes(n=4)[3])],
    ]


def test_passes_that_are_left_early_are_over_and_looks_are_not(seen: list[dict]) -> None:
    expected = [one[:6] for one in passes("3ep", 4)]
    both_saw = [sorted(a + b) for a, b in zip(*(one["left early"] for one in seen), strict=True)]
    assert both_saw == [sorted(one) for one in expected]


def test_what_would_go_wrong_is_refused(seen: list[dict]) -> None:
    for one in seen:
        assert "num_replicas=2 processes, and the loader" in one["refusals"]["twice"]
        assert "call mean(losses, indices)" in one["refusals"]["in turn"]
        assert "set dispatch_batches=False" in one["refusals"]["dispatched"]


@pytest.mark.parametrize("name", ["pruned", "pruned without"])
def test_losses_are_credited_to_their_samples_in_every_process(seen: list[dict], name: str) -> None:
    for one in seen:
        assert one[name]["latest"] == pytest.approx([0.1] * 20 + [2.0] * 12)
        assert one[name]["lengths"] == [len(rows) for rows in one[name]["passes"]]
    assert seen[0][name]["lengths"] == seen[1][name]["lengths"]
    first, *middle, last = both(seen, name, "passes")
    assert set(first) == set(last[: len(last)]) | set(range(N_TOTAL)) == set(range(N_TOTAL))
    for rows in middle[:-1]:
        assert set(range(20, N_TOTAL)) <= set(rows)
        assert len(set(rows)) < N_TOTAL


def prepared(sampler, **options):
    return Accelerator(cpu=True).prepare(
        DataLoader(torch.arange(N_TOTAL), batch_size=2, sampler=sampler, **options)
    )


@pytest.mark.parametrize("n_workers", [0, 2])
def test_one_process_sees_the_passes_of_the_sampler(n_workers: int) -> None:
    source = prepared(TwoPhaseSampler(N_TOTAL, SUBSET, fast="2ep"), num_workers=n_workers)
    next(iter(source))
    assert [[i for batch in source for i in batch.tolist()] for _ in range(3)] == passes()


def test_set_epoch_of_the_loader_begins_any_pass() -> None:
    source = prepared(TwoPhaseSampler(N_TOTAL, SUBSET, fast="2ep"))
    source.set_epoch(2)
    assert [i for batch in source for i in batch.tolist()] == passes()[2]
    source.set_epoch(0)
    assert [i for batch in source for i in batch.tolist()] == passes()[0]


def test_a_resumed_sampler_goes_on_although_accelerate_counts_from_0() -> None:
    resumed = TwoPhaseSampler(N_TOTAL, SUBSET, fast="2ep")
    resumed.load_state_dict(
        {**TwoPhaseSampler(N_TOTAL, SUBSET, fast="2ep").state_dict(), "pass": 1, "position": 4}
    )
    source = prepared(resumed)
    seen = [[i for batch in source for i in batch.tolist()] for _ in range(2)]
    assert seen == [passes()[1][4:], passes()[2]]


def test_skipping_batches_goes_on_in_the_same_pass() -> None:
    accelerator = Accelerator(cpu=True)
    sampler = TwoPhaseSampler(N_TOTAL, SUBSET, fast="2ep")
    source = prepared(sampler)
    skipping = accelerator.skip_first_batches(source, 1)
    assert [i for batch in skipping for i in batch.tolist()] == passes()[0][2:]
    assert [i for batch in source for i in batch.tolist()] == passes()[1]


def test_one_process_credits_losses_in_turn_although_accelerate_reads_ahead() -> None:
    sampler = LossPruningSampler(N_TOTAL, 3)
    source = prepared(sampler)
    for batch in source:
        sampler.mean(batch.float())
    assert sampler.state_dict()["latest"].tolist() == list(range(N_TOTAL))
    batches = iter(source)
    next(batches)
    batch = next(batches)
    with pytest.raises(RuntimeError, match=r"a batch was left out.*call mean\(losses, indices\)"):
        sampler.mean(batch.float())
