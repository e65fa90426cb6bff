"""Distils in child processes, some of which are killed, for test_matching_kills.py to compare."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from killed_trainings import train_whole_and_killed, write_noise
from thinset.data import open_dataset
from thinset.distillation.distill import distill
from thinset.distillation.matching import MatchingLearner
from thinset.distillation.methods import dm, gm

SETTINGS = (
    gm.Settings(width=0.05, batch_size=6, n_inner=3, network_epochs=2, score_steps=3),
    dm.Settings(width=0.05, batch_size=6, score_steps=3),
)


def train(folder: Path, settings) -> None:
    """Distil for 10 steps, evaluated every second one."""
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


if __name__ == "__main__":
    top = Path(sys.argv[1])
    write_noise(top / "data", 8)
    train_whole_and_killed(
        top,
        SETTINGS,
        train,
        MatchingLearner,
        killed_before=(3, 8),
        result=lambda settings: settings.method,
    )
