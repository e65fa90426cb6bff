from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from transformers import Trainer, TrainingArguments

from thinset.integrations.transformers import TwoPhaseCallback
from thinset.training import TwoPhaseEpochSampler, TwoPhaseSampler

if TYPE_CHECKING:
    from pathlib import Path

SUBSET = [3, 14, 15, 9, 2, 6]
N_TOTAL = 20
BATCH_SIZE = 3
STEPS_PER_EPOCH = 7
EXAMPLES = [{"number": number} for number in range(N_TOTAL)]


class Recorder(torch.nn.Module):
    """Learns nothing, and remembers which samples it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.batches: list[list[int]] = []

    def forward(self, number: torch.Tensor) -> dict[str, torch.Tensor]:
        self.batches.append(number.tolist())
        return {"loss": self.weight * number.sum()}


def trained(
    folder: Path, callback: TwoPhaseCallback, *, resume: str | None = None, **options
) -> list[list[int]]:
    model = Recorder()
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=BATCH_SIZE,
        **{"num_train_epochs": 3, "save_strategy": "steps", "save_steps": 1, **options},
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    trainer = Trainer(model, arguments, train_dataset=EXAMPLES, callbacks=[callback])
    trainer.train(resume_from_checkpoint=resume)
    return model.batches


def expected_batches(seed: int = 42, fast: str = "4ep", batch_size=None) -> list[list[int]]:
    sampler = TwoPhaseEpochSampler(N_TOTAL, SUBSET, fast=fast, seed=seed, batch_size=batch_size)
    batches = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        order = list(sampler)
        batches += [order[i : i + BATCH_SIZE] for i in range(0, N_TOTAL, BATCH_SIZE)]
    return batches


@pytest.mark.parametrize("n_workers", [0, 2])
def test_training_sees_both_phases_in_as_many_steps(tmp_path: Path, n_workers: int) -> None:
    batches = trained(
        tmp_path,
        TwoPhaseCallback(SUBSET, fast="4ep"),
        dataloader_num_workers=n_workers,
        save_strategy="no",
    )
    assert batches == expected_batches()
    assert {index for batch in batches[:STEPS_PER_EPOCH] for index in batch} == set(SUBSET)


def test_resumes_after_any_step_with_the_same_samples(tmp_path: Path) -> None:
    expected = trained(tmp_path, TwoPhaseCallback(SUBSET, fast="4ep"))
    for step in (1, 5, 7, 8, 12, 14, 17):
        rest = trained(
            tmp_path,
            TwoPhaseCallback(SUBSET, fast="4ep"),
            resume=str(tmp_path / f"checkpoint-{step}"),
            save_strategy="no",
        )
        assert rest == expected[step:], step


def test_steps_are_those_of_the_optimizer(tmp_path: Path) -> None:
    batches = trained(
        tmp_path,
        TwoPhaseCallback(SUBSET, fast="3st"),
        gradient_accumulation_steps=2,
        save_strategy="no",
    )
    assert batches == expected_batches(fast="18sa")


def test_accumulation_and_workers_see_every_sample_once(tmp_path: Path) -> None:
    batches = trained(
        tmp_path,
        TwoPhaseCallback(SUBSET, fast="4ep"),
        gradient_accumulation_steps=3,
        dataloader_num_workers=2,
        save_strategy="no",
    )
    assert batches == expected_batches()


def test_steps_count_split_batches_once(tmp_path: Path) -> None:
    batches = trained(
        tmp_path,
        TwoPhaseCallback(SUBSET, fast="3st"),
        accelerator_config={"split_batches": True},
        save_strategy="no",
    )
    assert batches == expected_batches(fast="9sa")


def test_a_mask_and_a_whole_number_are_understood(tmp_path: Path) -> None:
    mask = [index in SUBSET for index in range(N_TOTAL)]
    batches = trained(tmp_path, TwoPhaseCallback(mask, fast=4), save_strategy="no")
    assert {index for batch in batches[:STEPS_PER_EPOCH] for index in batch} == set(SUBSET)
    with pytest.raises(ValueError, match="fast must be a length such as '3ep'"):
        TwoPhaseCallback(SUBSET, fast=0.5)


def test_a_plain_sampler_whose_passes_differ_is_refused(tmp_path: Path) -> None:
    class Plain(Trainer):
        def _get_train_sampler(self, train_dataset=None):
            return TwoPhaseSampler(N_TOTAL, SUBSET, fast="1ep")

    arguments = TrainingArguments(
        output_dir=str(tmp_path), report_to="none", disable_tqdm=True, use_cpu=True
    )
    with pytest.raises(RuntimeError, match=r"trainer of transformers.*TwoPhaseCallback"):
        Plain(Recorder(), arguments, train_dataset=EXAMPLES).train()


def test_samples_grouped_by_length_are_refused(tmp_path: Path) -> None:
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        train_sampling_strategy="group_by_length",
    )
    examples = [{"input_ids": [0] * (1 + number), "number": number} for number in range(N_TOTAL)]
    trainer = Trainer(
        Recorder(), arguments, train_dataset=examples, callbacks=[TwoPhaseCallback(SUBSET)]
    )
    with pytest.raises(ValueError, match=r"not grouped by length\); got LengthGroupedSampler"):
        trainer.train()


def test_seed_is_the_callbacks_or_the_arguments(tmp_path: Path) -> None:
    own = trained(tmp_path, TwoPhaseCallback(SUBSET, fast="4ep", seed=7), save_strategy="no")
    assert own == expected_batches(seed=7)
    data = trained(
        tmp_path, TwoPhaseCallback(SUBSET, fast="4ep"), data_seed=8, seed=9, save_strategy="no"
    )
    assert data == expected_batches(seed=8)


def test_a_loader_with_a_sampler_of_its_own_is_refused(tmp_path: Path) -> None:
    class InTurn(Trainer):
        def _get_train_sampler(self, train_dataset=None):
            return torch.utils.data.SequentialSampler(EXAMPLES)

    arguments = TrainingArguments(
        output_dir=str(tmp_path), report_to="none", disable_tqdm=True, use_cpu=True
    )
    trainer = InTurn(
        Recorder(), arguments, train_dataset=EXAMPLES, callbacks=[TwoPhaseCallback(SUBSET)]
    )
    with pytest.raises(ValueError, match="must shuffle a train_dataset.*got SequentialSampler"):
        trainer.train()
