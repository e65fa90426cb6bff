"""Distils in child processes, some of which are killed, for test_matching_kills.py to compare.

Each child is forked from this process, which has imported everything and computed nothing: that
takes a fraction of the time of a new interpreter.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

from thinset.data import DatasetWriter, open_dataset
from thinset.distillation.distill import distill
from thinset.distillation.matching import MatchingLearner
from thinset.distillation.methods import dm, gm

SETTINGS = (
    gm.Settings(width=0.05, batch_size=6, n_inner=3, network_epochs=2, score_steps=3),
    dm.Settings(width=0.05, batch_size=6, score_steps=3),
)
KILLED_BEFORE = (3, 8)


def write_data(out: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
    with DatasetWriter(
        out, name="noise", image_shape=(8, 8, 1), image_dtype="uint8", n_samples=60
    ) as writer:
        writer.append(images, np.arange(60) % 3)


def train(folder: Path, settings, killed_before: int | None) -> None:
    """Distil for 10 steps, evaluated every second one, or be killed before a step."""
    take_step = MatchingLearner.step

    def step(self, batch, *, learning_rate, n_before):
        if n_before == killed_before:
            os.kill(os.getpid(), signal.SIGKILL)
        return take_step(self, batch, learning_rate=learning_rate, n_before=n_before)

    MatchingLearner.step = step  # type: ignore[method-assign]
    data = open_dataset(folder.parent / "data")
    lines = folder / f"{settings.method}-log.jsonl"

    def log(figures: dict[str, float], step: int) -> None:
        scores = [figures[name] for name in ("train_loss", "validation_loss")]
        with lines.open("a") as file:
            file.write(json.dumps([step, *scores]) + "\n")

    distill(
        data,
        folder / settings.method,
        settings=settings,
        images_per_class=2,
        length="10st",
        validation_data=data,
        device="cpu",
        evaluations=5,
        log=log,
        checkpoint_path=folder / f"{settings.method}-checkpoint.safetensors",
        resume=True,
    )


def status_of(folder: Path, settings, killed_before: int | None = None) -> int:
    """How a child that distils ended."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            train(folder, settings, killed_before)
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def main() -> None:
    top = Path(sys.argv[1])
    write_data(top / "data")
    # Loads what torch loads with the first step of an optimizer.
    torch.optim.SGD([torch.zeros(1, requires_grad=True)]).step()
    for settings in SETTINGS:
        whole, killed = top / "whole", top / "killed"
        assert status_of(whole, settings) == 0
        for step in KILLED_BEFORE:
            assert os.WTERMSIG(status_of(killed, settings, step)) == signal.SIGKILL
            assert not (killed / settings.method).exists()
        assert status_of(killed, settings) == 0


if __name__ == "__main__":
    main()
