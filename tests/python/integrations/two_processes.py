"""One of two processes that train together: writes the samples it saw to FOLDER/RANK.json.

Started by torchrun: two_processes.py WAY FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader

SUBSET = [3, 14, 15, 9, 2, 6]
N_TOTAL = 20
BATCH_SIZE = 2
FAST = "6st"
N_EPOCHS = 3


class Recorder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.batches: list[list[int]] = []

    def forward(self, number: torch.Tensor) -> dict[str, torch.Tensor]:
        self.batches.append(number.tolist())
        return {"loss": self.weight * number.sum()}


def plain(_folder: Path) -> list[list[int]]:
    from thinset.training import TwoPhaseSampler

    torch.distributed.init_process_group("gloo")
    model = Recorder()
    distributed = torch.nn.parallel.DistributedDataParallel(model)
    sampler = TwoPhaseSampler(N_TOTAL, SUBSET, fast=FAST, batch_size=BATCH_SIZE)
    loader = DataLoader(range(N_TOTAL), batch_size=BATCH_SIZE, sampler=sampler)
    for _ in range(7):
        for batch in loader:
            distributed(batch)["loss"].backward()
    return model.batches


def in_lightning(_folder: Path) -> list[list[int]]:
    import lightning

    from thinset.integrations.lightning import TwoPhaseLoader

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.recorder = Recorder()

        def training_step(self, batch: torch.Tensor, _index: int) -> torch.Tensor:
            return self.recorder(batch)["loss"]

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    module = Module()
    trainer = lightning.Trainer(
        max_epochs=N_EPOCHS,
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    ordinary = DataLoader(range(N_TOTAL), batch_size=BATCH_SIZE, shuffle=True)
    trainer.fit(module, TwoPhaseLoader(ordinary, SUBSET, fast=FAST))
    return module.recorder.batches


def pruned_in_lightning(_folder: Path) -> dict:
    import lightning

    from thinset.training import LossPruningSampler

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))
            self.epochs: list[list[int]] = [[] for _ in range(N_EPOCHS)]

        def training_step(self, batch: torch.Tensor, _index: int) -> torch.Tensor:
            self.epochs[self.current_epoch] += batch.tolist()
            return self.weight * sampler.mean(batch.float())

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def trainer(**options) -> lightning.Trainer:
        return lightning.Trainer(
            max_epochs=N_EPOCHS,
            accelerator="cpu",
            devices=2,
            strategy="ddp",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )

    def loader() -> DataLoader:
        return DataLoader(range(N_TOTAL), batch_size=BATCH_SIZE, sampler=sampler)

    sampler = LossPruningSampler(N_TOTAL, N_EPOCHS)
    module = Module()
    trainer(use_distributed_sampler=False).fit(module, loader())
    latest = sampler.state_dict()["latest"].tolist()
    try:
        trainer().fit(Module(), loader())
    except RuntimeError as error:
        refused = str(error)
    return {"epochs": module.epochs, "latest": latest, "refused": refused}


def resumed_in_transformers(folder: Path) -> list[list[list[int]]]:
    whole = in_transformers(folder, save_strategy="steps", save_steps=7)
    checkpoint = str(folder / "run" / "checkpoint-7")
    return [whole, in_transformers(folder, resume=checkpoint)]


def in_transformers(folder: Path, *, resume: str | None = None, **options) -> list[list[int]]:
    from transformers import Trainer, TrainingArguments

    from thinset.integrations.transformers import TwoPhaseCallback

    arguments = TrainingArguments(
        output_dir=str(folder / "run"),
        per_device_train_batch_size=BATCH_SIZE,
        num_train_epochs=N_EPOCHS,
        report_to="none",
        **{"save_strategy": "no", **options},
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        seed=0,
    )
    model = Recorder()
    Trainer(
        model,
        arguments,
        train_dataset=[{"number": number} for number in range(N_TOTAL)],
        callbacks=[TwoPhaseCallback(SUBSET, fast=FAST)],
    ).train(resume_from_checkpoint=resume)
    return model.batches


if __name__ == "__main__":
    way, folder = sys.argv[1], Path(sys.argv[2])
    ways = {
        "plain": plain,
        "lightning": in_lightning,
        "lightning-pruned": pruned_in_lightning,
        "transformers": in_transformers,
        "transformers-resumed": resumed_in_transformers,
    }
    seen = ways[way](folder)
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(seen))
    # What torch takes down at exit now and then aborts where the other process was faster.
    os._exit(0)
