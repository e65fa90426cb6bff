"""Distils in child processes, some of which are killed, for test_unrolled_kills.py to compare."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from killed_trainings import train_whole_and_killed, write_noise
from thinset.data import open_dataset
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


def train(folder: Path, name: str) -> None:
    """Distil for 8 steps, evaluated every second one."""
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


if __name__ == "__main__":
    top = Path(sys.argv[1])
    write_noise(top / "data", 4)
    train_whole_and_killed(
        top, tuple(SETTINGS), train, UnrolledLearner, killed_before=(3, 6), result=str
    )
