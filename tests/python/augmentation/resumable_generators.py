"""Trains generators in child processes, some of which are killed, for test_kills.py to compare.

Each child is forked from this process, which has imported everything and computed nothing: that
takes a fraction of the time of a new interpreter.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from pathlib import Path

from thinset.augmentation.generators import cdcgan, cdcvae, flow
from thinset.augmentation.train import CollapseWarning, train_generator
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.data import import_dataset, open_dataset
from thinset.training.learners.generative import GenerativeLearner

SETTINGS = (
    cdcgan.Settings(latent_size=4, n_discriminator=2, ema_decay=0.9),
    cdcvae.Settings(latent_size=4),
    flow.Settings(widths=(8, 8), n_steps=2),
)
KILLED_BEFORE = (3, 7, 8)


def train(folder: Path, settings, killed_before: int | None) -> None:
    """Train for 10 steps, evaluated every second one, or be killed before a step."""
    take_step = GenerativeLearner.step

    def step(self, batch, *, learning_rate, n_before):
        if n_before == killed_before:
            os.kill(os.getpid(), signal.SIGKILL)
        return take_step(self, batch, learning_rate=learning_rate, n_before=n_before)

    GenerativeLearner.step = step  # type: ignore[method-assign]
    out = folder / f"{settings.model}.safetensors"
    trained = train_generator(
        open_dataset(folder.parent / "digits" / "train"),
        out,
        settings=settings,
        length="10st",
        device="cpu",
        precision="float32",
        evaluations=5,
        checkpoint_path=folder / f"{settings.model}-checkpoint.safetensors",
        resume=True,
    )
    assert TrainedGenerator.load(out).fingerprint == trained.fingerprint
    curve = [(p.step, p.train_loss, p.scores) for p in trained.history.curve]
    result = {"fingerprint": trained.fingerprint, "curve": curve}
    (folder / f"{settings.model}.json").write_text(json.dumps(result))


def status_of(folder: Path, settings, killed_before: int | None = None) -> int:
    """How a child that trains ended."""
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
    warnings.simplefilter("ignore", CollapseWarning)
    import_dataset("digits", top / "digits")
    for settings in SETTINGS:
        whole, killed = top / "whole", top / "killed"
        assert status_of(whole, settings) == 0
        for step in KILLED_BEFORE:
            assert os.WTERMSIG(status_of(killed, settings, step)) == signal.SIGKILL
            assert not (killed / f"{settings.model}.safetensors").exists()
        assert status_of(killed, settings) == 0


if __name__ == "__main__":
    main()
