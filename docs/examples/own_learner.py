"""A custom learner: the built-in loop drives it, saves it, resumes it and keeps its best.

This one trains with AdamW and measures the share of test digits whose class is among the two most
likely. `python docs/examples/own_learner.py` takes a few seconds on the digits that come with
thinset.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from thinset import write_subset
from thinset.data import import_dataset
from thinset.training import (
    Goal,
    TwoPhase,
    copy_tensors,
    load_optimizer,
    named_tensors,
    optimizer_tensors,
    prefixed,
    restore_tensors,
    train,
    unprefixed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thinset.data.batches import Batch, ImageRows


class TopTwo:
    """A small network under AdamW; see thinset.training.Learner for what each method is for."""

    def __init__(self, *, weight_decay: float = 0.01) -> None:
        torch.manual_seed(0)
        self.device = torch.device("cpu")
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        self._weight_decay = weight_decay
        self._optimizer = torch.optim.AdamW(self.model.parameters(), weight_decay=weight_decay)
        self._loss_sum = torch.zeros(())

    def start(self) -> None:
        self.model.train()

    def step(self, batch: Batch, *, learning_rate: float, n_before: int) -> torch.Tensor:  # noqa: ARG002
        self._optimizer.param_groups[0]["lr"] = learning_rate
        logits = self.model(batch.images / 255)
        losses = nn.functional.cross_entropy(logits, batch.labels, reduction="none")
        self._optimizer.zero_grad()
        losses.mean().backward()
        self._optimizer.step()
        self._loss_sum += losses.detach().mean()
        return losses.detach()

    def take_loss_sum(self) -> float:
        loss_sum = float(self._loss_sum)
        self._loss_sum.zero_()
        return loss_sum

    @torch.no_grad()
    def score(self, data: ImageRows) -> dict[str, float]:
        images = torch.from_numpy(np.array(data.images)).permute(0, 3, 1, 2)
        labels = torch.from_numpy(np.array(data.labels))
        top = self.model(images / 255).topk(2).indices
        return {"top_2": float((top == labels[:, None]).any(dim=1).float().mean())}

    def goal(self, scores: Mapping[str, float]) -> Goal:  # noqa: ARG002
        return Goal("top_2", higher_is_better=True)

    def weights(self) -> dict[str, torch.Tensor]:
        return named_tensors(self.model)

    def tensors(self) -> dict[str, torch.Tensor]:
        return {
            **prefixed("model", named_tensors(self.model)),
            **prefixed("optimizer", optimizer_tensors(self._optimizer)),
            "loss_sum": self._loss_sum,
        }

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        restore_tensors(self.model, unprefixed("model", tensors), path)
        load_optimizer(self._optimizer, unprefixed("optimizer", tensors), path)
        self._loss_sum.copy_(tensors["loss_sum"])

    def describe(self) -> dict[str, Any]:
        return {"weight_decay": self._weight_decay}

    def finish(self, weights: Mapping[str, torch.Tensor] | None) -> None:
        if weights is not None:
            copy_tensors(self.model, weights)
        self.model.eval()


def main(folder: Path) -> float:
    """Train on the digits; return the score of the best weights on the test digits, 0..1."""
    digits = import_dataset("digits", folder / "digits")
    full = write_subset(range(1000), digits["train"], folder / "full")
    validation = write_subset(range(1000, 1438), digits["train"], folder / "validation")
    subset = write_subset(range(0, 1000, 5), digits["train"], folder / "subset")

    history = train(
        TopTwo(),
        TwoPhase(full, subset, split="50%", total="200st"),
        learning_rate=0.003,
        batch_size=64,
        validation_data=validation,
        test_data=digits["test"],
        keep="best",
        checkpoint_path=folder / "run.safetensors",
        resume=True,
    )
    return history.final.scores["top_2"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(f"among the two most likely: {main(Path(scratch)):.1%}")  # noqa: T201
