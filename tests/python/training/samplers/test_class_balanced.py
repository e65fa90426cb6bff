from __future__ import annotations

import itertools
import json
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from thinset.training import ClassBalancedSampler

LABELS = np.repeat([0, 1, 2, 3], [31, 5, 3, 1])
N_TOTAL = len(LABELS)


def sampler(**options: Any) -> ClassBalancedSampler:
    return ClassBalancedSampler(LABELS, **options)


def loader(one: ClassBalancedSampler, n_workers: int = 0) -> DataLoader[int]:
    return DataLoader(range(N_TOTAL), batch_size=8, sampler=one, num_workers=n_workers)  # type: ignore[arg-type]


def batches(source: DataLoader[int]) -> list[list[int]]:
    return [batch.tolist() for batch in source]


def test_every_pass_through_a_loader_is_balanced() -> None:
    source = loader(sampler())
    assert len(source) == 5
    passes = [np.concatenate(batches(source)) for _ in range(4)]
    for rows in passes:
        assert np.bincount(LABELS[rows]).tolist() == [10, 10, 10, 10]
    assert len({tuple(rows) for rows in passes}) == 4
    # The 31 samples of the largest class have their turn before any comes again.
    assert len({row for rows in passes[:3] for row in rows if row < 31}) == 30


def test_the_length_of_a_pass_can_be_chosen() -> None:
    short = sampler(n_samples=6)
    assert len(short) == len(list(short)) == 6
    long = sampler(n_samples=400)
    assert np.bincount(LABELS[list(long)]).tolist() == [100] * 4


def test_order_depends_on_the_seed_and_the_pass_alone() -> None:
    torch.manual_seed(1)
    one = sampler(seed=7)
    expected = [list(one) for _ in range(3)]
    torch.manual_seed(2)
    other = sampler(seed=7)
    other.set_epoch(2)
    assert list(other) == expected[2]
    other.set_epoch(0)
    assert [list(other) for _ in range(3)] == expected
    assert list(sampler(seed=8)) != expected[0]


@pytest.mark.parametrize("n_workers", [0, 2])
@pytest.mark.parametrize("n_taken", [1, 3, 5, 7])
def test_goes_on_from_its_state(n_taken: int, n_workers: int) -> None:
    source = loader(sampler())
    expected = [batch for _ in range(3) for batch in batches(source)]
    one = sampler()
    source = loader(one, n_workers)
    stream = itertools.chain.from_iterable(source for _ in range(3))
    head = [next(stream).tolist() for _ in range(n_taken)]
    state = json.loads(json.dumps(one.state_dict()))
    resumed = sampler()
    resumed.load_state_dict(state)
    rest = loader(resumed)
    tail: list[list[int]] = []
    while len(head) + len(tail) < 15:
        tail += batches(rest)
    assert head + tail == expected


def test_states_of_other_samplers_are_refused() -> None:
    state = sampler().state_dict()
    others = (
        ClassBalancedSampler(LABELS[::-1].copy()),
        sampler(seed=1),
        sampler(n_samples=9),
        sampler(num_replicas=2, rank=0),
    )
    for other, name in zip(
        others, ("labels_sha256", "seed", "n_samples", "num_replicas"), strict=True
    ):
        with pytest.raises(ValueError, match=f"another sampler: its {name} is"):
            other.load_state_dict(state)


def test_processes_share_each_pass() -> None:
    whole = sampler(n_samples=41)
    parts = [sampler(n_samples=41, num_replicas=3, rank=rank) for rank in range(3)]
    for _ in range(2):
        expected = list(whole)
        shares = [list(part) for part in parts]
        assert [len(share) for share in shares] == [len(parts[0])] * 3 == [14] * 3
        mixed = [row for rows in zip(*shares, strict=True) for row in rows]
        assert mixed == [*expected, expected[0]]


def test_replicas_are_those_of_torch_distributed(tmp_path) -> None:
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert (sampler().num_replicas, sampler().rank) == (1, 0)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0, -1], {}, "labels must be 0 or more, got -1 at position 1"),
        ([0.5, 1.0], {}, "one integer or text for each sample"),
        ([0, 1], {"n_samples": 0}, "n_samples must be at least 1, got 0"),
        ([0, 1], {"num_replicas": 2, "rank": 2}, "rank must be from 0 to num_replicas - 1"),
    ],
)
def test_mistakes_are_named(labels: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassBalancedSampler(labels, **options)


class Recorder(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.rows: list[int] = []

    def training_step(self, batch: torch.Tensor, _index: int) -> torch.Tensor:
        self.rows += batch.tolist()
        return self.weight * 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:lightning")
def test_a_trainer_that_counts_batches_once_shows_whole_passes() -> None:
    one = sampler()
    expected = [row for _ in range(3) for row in one]
    module = Recorder()
    trainer = lightning.Trainer(
        max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, loader(sampler()))
    assert module.rows == expected
