from __future__ import annotations

from typing import TYPE_CHECKING

import lightning
import pytest
import torch
from lightning.pytorch.tuner import Tuner
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

from thinset.integrations.lightning import TwoPhaseLoader
from thinset.training import LossPruningSampler, TwoPhaseEpochSampler, TwoPhaseSampler

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The '(train|val)_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:lightning"),
]

SUBSET = [3, 14, 15, 9, 2, 6]
N_TOTAL = 20
BATCH_SIZE = 3
STEPS_PER_EPOCH = 7


class Recorder(lightning.LightningModule):
    """Learns nothing, and remembers which samples it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.batches: list[list[int]] = []

    def training_step(self, batch: torch.Tensor, _index: int) -> torch.Tensor:
        self.batches.append(batch.tolist())
        return self.weight * 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class KeepEveryStep(lightning.Callback):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer, *_others) -> None:
        trainer.save_checkpoint(self.folder / f"{trainer.global_step}.ckpt")


class Validated(Recorder):
    n_validations = 0

    def validation_step(self, _batch: torch.Tensor, _index: int) -> None:
        self.n_validations += 1


class Pruned(Validated):
    """Half of the samples are learned from the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.sampler = LossPruningSampler(N_TOTAL, 5, full_from=0.8)
        self.epochs: list[list[int]] = [[] for _ in range(5)]

    def training_step(self, batch: torch.Tensor, _index: int) -> torch.Tensor:
        self.epochs[self.current_epoch] += batch.tolist()
        return self.weight * self.sampler.mean(torch.where(batch < 10, 0.1, 2.0))


def quiet_trainer(**options) -> lightning.Trainer:
    return lightning.Trainer(
        **options,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def loader(n_workers: int = 0, **options) -> TwoPhaseLoader:
    ordinary = DataLoader(
        range(N_TOTAL), batch_size=BATCH_SIZE, shuffle=True, num_workers=n_workers
    )
    return TwoPhaseLoader(ordinary, SUBSET, **{"fast": "4ep", **options})


def trained(
    source: TwoPhaseLoader, *callbacks, ckpt_path: Path | None = None, **options
) -> list[list[int]]:
    module = Recorder()
    trainer = quiet_trainer(**{"max_epochs": 3, **options}, callbacks=list(callbacks))
    trainer.fit(module, source, ckpt_path=ckpt_path, weights_only=False)
    return module.batches


def expected_batches(n_epochs: int = 3) -> list[list[int]]:
    sampler = TwoPhaseEpochSampler(N_TOTAL, SUBSET, fast="4ep")
    batches = []
    for epoch in range(n_epochs):
        sampler.set_epoch(epoch)
        order = list(sampler)
        batches += [order[i : i + BATCH_SIZE] for i in range(0, N_TOTAL, BATCH_SIZE)]
    return batches


@pytest.mark.parametrize("n_workers", [0, 2])
def test_training_sees_both_phases_in_as_many_steps(n_workers: int) -> None:
    batches = trained(loader(n_workers))
    assert batches == expected_batches()
    assert len(batches) == 3 * STEPS_PER_EPOCH
    assert {index for batch in batches[:STEPS_PER_EPOCH] for index in batch} == set(SUBSET)


@pytest.mark.parametrize("n_workers", [0, 2])
def test_resumes_after_any_step_with_the_same_samples(tmp_path: Path, n_workers: int) -> None:
    expected = trained(loader(), KeepEveryStep(tmp_path))
    for step in [1, 5, 6, 7, 8, 12, 14, 17] if n_workers == 0 else [5, 9]:
        rest = trained(loader(n_workers), ckpt_path=tmp_path / f"{step}.ckpt")
        assert rest == expected[step:], step


def test_an_epoch_that_the_trainer_cuts_short_is_over() -> None:
    expected = expected_batches()
    batches = trained(loader(), limit_train_batches=3)
    assert batches == expected[0:3] + expected[7:10] + expected[14:17]


def test_a_loop_after_a_training_goes_on_with_the_next_epoch() -> None:
    source = loader()
    trained(source, max_epochs=1)
    assert [batch.tolist() for batch in source] == expected_batches()[7:14]


@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_second_training_begins_anew_like_the_first(n_workers: int) -> None:
    source = loader(n_workers)
    trained(source, max_epochs=2)
    assert trained(source) == expected_batches()


@pytest.mark.parametrize("n_workers", [0, 2])
def test_looks_before_training_take_nothing(n_workers: int) -> None:
    source = loader(n_workers)
    for _ in range(2):
        next(iter(source))
    assert trained(source) == expected_batches()


def test_a_loop_that_left_an_epoch_takes_nothing_from_training() -> None:
    source = loader()
    for _ in zip(range(3), source, strict=False):
        pass
    assert trained(source) == expected_batches()


def test_the_learning_rate_finder_takes_nothing(tmp_path: Path) -> None:
    class Tuned(Recorder):
        lr = 0.1

        def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
            return super().training_step(batch, index) + 1

    source, module = loader(), Tuned()
    trainer = quiet_trainer(max_epochs=3, default_root_dir=tmp_path)
    Tuner(trainer).lr_find(module, source, num_training=4)
    assert module.batches
    module.batches = []
    trainer.fit(module, source)
    assert module.batches == expected_batches()


def test_validation_and_sanity_checks_take_nothing() -> None:
    module = Validated()
    trainer = quiet_trainer(max_epochs=3)
    source = loader()
    trainer.validate(module, DataLoader(range(3)), verbose=False)
    trainer.fit(module, source, DataLoader(range(3)))
    assert module.batches == expected_batches()


def test_training_may_end_after_some_steps() -> None:
    assert trained(loader(), max_steps=10, max_epochs=-1) == expected_batches()[:10]


def test_overfitting_repeats_the_first_batches() -> None:
    assert trained(loader(), overfit_batches=2) == expected_batches()[:2] * 3


def test_own_loops_name_their_epochs_or_go_on() -> None:
    source = loader()
    source.set_epoch(2)
    assert [batch.tolist() for batch in source] == expected_batches()[14:]
    source.set_epoch(0)
    assert [batch.tolist() for batch in source] == expected_batches()[:7]
    next(iter(source))
    assert [batch.tolist() for batch in source] == expected_batches()[7:14]
    for _ in zip(range(2), source, strict=False):
        pass
    assert [batch.tolist() for batch in source] == expected_batches(4)[21:]


def test_a_mask_a_whole_number_and_a_selection_are_understood() -> None:
    mask = [index in SUBSET for index in range(N_TOTAL)]
    source = TwoPhaseLoader(DataLoader(range(N_TOTAL), batch_size=20), mask, fast=4)
    assert {index for batch in source for index in batch.tolist()} == set(SUBSET)


def test_plain_samplers_whose_passes_differ_are_refused() -> None:
    source = DataLoader(range(N_TOTAL), sampler=TwoPhaseSampler(N_TOTAL, SUBSET, fast="1ep"))
    with pytest.raises(RuntimeError, match=r"TwoPhaseSampler does not work .* use TwoPhaseLoader"):
        trained(source)


@pytest.mark.parametrize("n_workers", [0, 2])
def test_loss_pruning_trains_in_every_epoch(n_workers: int) -> None:
    module = Pruned()
    source = DataLoader(
        range(N_TOTAL), batch_size=BATCH_SIZE, sampler=module.sampler, num_workers=n_workers
    )
    quiet_trainer(max_epochs=5).fit(module, source)
    first, *middle, last = module.epochs
    assert sorted(first) == sorted(last) == list(range(N_TOTAL))
    for rows in middle:
        assert set(range(10, N_TOTAL)) <= set(rows)
        assert len(set(rows)) == len(rows) < N_TOTAL


def test_loss_pruning_validates_after_every_epoch_or_says_how() -> None:
    module = Pruned()
    source = DataLoader(range(N_TOTAL), batch_size=BATCH_SIZE, sampler=module.sampler)
    held_out = DataLoader(range(3), batch_size=3)
    with pytest.raises(RuntimeError, match=r"reload_dataloaders_every_n_epochs=1.*validation"):
        quiet_trainer(max_epochs=5, num_sanity_val_steps=0).fit(module, source, held_out)
    module = Pruned()
    source = DataLoader(range(N_TOTAL), batch_size=BATCH_SIZE, sampler=module.sampler)
    quiet_trainer(max_epochs=5, num_sanity_val_steps=0, reload_dataloaders_every_n_epochs=1).fit(
        module, source, held_out
    )
    assert module.n_validations == 5
    assert [len(rows) == N_TOTAL for rows in module.epochs] == [True, False, False, False, True]


def test_works_from_a_data_module() -> None:
    class Data(lightning.LightningDataModule):
        def train_dataloader(self) -> TwoPhaseLoader:
            return loader()

    assert trained(Data(), max_epochs=2) == expected_batches(2)


def test_everything_of_the_loader_is_taken_over() -> None:
    ordinary = DataLoader(
        range(N_TOTAL), batch_size=6, drop_last=True, collate_fn=lambda batch: ("mine", batch)
    )
    batches = list(TwoPhaseLoader(ordinary, SUBSET))
    assert [len(batch) for _, batch in batches] == [6, 6, 6]
    assert {mine for mine, _ in batches} == {"mine"}


def test_state_of_another_subset_is_refused() -> None:
    state = loader().state_dict()
    other = TwoPhaseLoader(DataLoader(range(N_TOTAL), batch_size=BATCH_SIZE), [1, 2], fast="12ep")
    with pytest.raises(ValueError, match="the state is of another sampler: its indices_sha256"):
        other.load_state_dict(state)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(3))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([1, 2], "must be a torch DataLoader over a dataset with a length, got list"),
        (DataLoader(Stream()), "must be a torch DataLoader over a dataset with a length"),
        (DataLoader(range(9), batch_size=None), "must have a batch_size"),
        (
            DataLoader(range(9), batch_sampler=BatchSampler(SequentialSampler(range(9)), 2, True)),
            "must have a batch_size",
        ),
        (DataLoader(range(9), sampler=[1, 2]), "not have its own sampler.*got list"),
    ],
)
def test_other_loaders_are_refused(source: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TwoPhaseLoader(source, [0])
