"""Distils in child processes, some of which are killed, for test_unrolled_kills.py to compare.

Each child is forked from this process, which has imported everything and computed nothing: that
takes a fraction of the time of a new interpreter.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

from thinset.data import DatasetWriter, open_dataset
from thinset.distillation.distill import distill
from thinset.distillation.methods import dd
from thinset.distillation.unrolled_learner import UnrolledLearner

SMALL = {"network": "lenet", "width": 0.5, "batch_size": 16, "n_epochs": 1}
SETTINGS = {
    "random": dd.Settings(n_networks=2, **SMALL),
    "pretrained": dd.Settings(
        learns_labels=True,
        initial_weights="pretrained",
        pretraining="3st",
        n_fixed_layers=2,
        checkpointed=True,
        **SMALL,
    ),
}
KILLED_BEFORE = (3, 6)


def write_data(out: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 1), dtype=np.uint8)
    with DatasetWriter(
        out, name="noise", image_shape=(4, 4, 1), image_dtype="uint8", n_samples=60
    ) as writer:
        writer.append(images, np.arange(60) % 3)


def train(folder: Path, name: str, killed_before: int | None) -> None:
    """Distil for 8 steps, evaluated every second one, or be killed before a step."""
    take_step = UnrolledLearner.step

    def step(self, batch, *, learning_rate, n_before):
        if n_before == killed_before:
            os.kill(os.getpid(), signal.SIGKILL)
        return take_step(self, batch, learning_rate=learning_rate, n_before=n_before)

    UnrolledLearner.step = step  # type: ignore[method-assign]
    curve = []
    data = open_dataset(folder.parent / "data")
    distilled = distill(
        data,
        folder / name,
        settings=SETTINGS[name],
        length="8st",
        validation_data=data,
        device="cpu",
        evaluations=4,
        images_per_class=2,
        log=lambda figures, step: curve.append(
            (step, {key: value for key, value in figures.items() if key != "seconds"})
        ),
        checkpoint_path=folder / f"{name}-checkpoint.safetensors",
        resume=True,
    )
    arrays = sorted(distilled.manifest.arrays)
    digests = {
        role: hashlib.sha256(np.array(distilled.array(role)).tobytes()).hexdigest()
        for role in arrays
    }
    sizes = [step.step_size for step in distilled.manifest.schedule.steps]
    (folder / f"{name}.json").write_text(
        json.dumps({"digests": digests, "sizes": sizes, "end": curve[-1]})
    )


def status_of(folder: Path, name: str, killed_before: int | None = None) -> int:
    """How a child that trains ended."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            train(folder, name, killed_before)
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def main() -> None:
    top = Path(sys.argv[1])
    write_data(top / "data")
    # Loads what torch loads with the first step of an optimizer.
    torch.optim.Adam([torch.zeros(1, requires_grad=True)]).step()
    for name in SETTINGS:
        whole, killed = top / "whole", top / "killed"
        assert status_of(whole, name) == 0
        for step in KILLED_BEFORE:
            assert os.WTERMSIG(status_of(killed, name, step)) == signal.SIGKILL
            assert not (killed / name).exists()
        assert status_of(killed, name) == 0


if __name__ == "__main__":
    main()
