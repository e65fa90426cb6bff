"""Trains generators in child processes, some of which are killed, for test_kills.py to compare."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from killed_trainings import train_whole_and_killed, write_noise
from thinset.augmentation.generators import cdcgan, cdcvae, flow, sngan
from thinset.augmentation.train import CollapseWarning, train_generator
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.data import open_dataset
from thinset.training.learners.generative import GenerativeLearner

SETTINGS = (
    cdcgan.Settings(batch_size=16, latent_size=4, n_discriminator=2, ema_decay=0.9),
    cdcvae.Settings(batch_size=16, latent_size=4),
    flow.Settings(batch_size=16, widths=(8, 8), n_steps=2),
    sngan.Settings(
        batch_size=16,
        latent_size=4,
        generator_channels=8,
        discriminator_channels=8,
        bottom_width=2,
        n_discriminator=2,
        differentiable="color,translation",
        ema_decay=0.9,
    ),
)


def train(folder: Path, settings) -> None:
    """Train for 10 steps, evaluated every second one."""
    out = folder / f"{settings.model}.safetensors"
    trained = train_generator(
        open_dataset(folder.parent / "data"),
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


if __name__ == "__main__":
    top = Path(sys.argv[1])
    warnings.simplefilter("ignore", CollapseWarning)
    write_noise(top / "data", 4)
    train_whole_and_killed(
        top,
        SETTINGS,
        train,
        GenerativeLearner,
        killed_before=(3, 8),
        result=lambda settings: f"{settings.model}.safetensors",
    )
