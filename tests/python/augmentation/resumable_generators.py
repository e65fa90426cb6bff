"""Trains three generators, one after the other, for test_kills.py to kill and start again."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

from thinset.augmentation.generators import cdcgan, cdcvae, flow
from thinset.augmentation.train import CollapseWarning, train_generator
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.data import Dataset, import_dataset, open_dataset
from thinset.training.learners.generative import GenerativeLearner

SETTINGS = (
    cdcgan.Settings(latent_size=4, n_discriminator=2, ema_decay=0.9),
    cdcvae.Settings(latent_size=4),
    flow.Settings(widths=(8, 8), n_steps=2),
)


def training_data(folder: Path) -> Dataset:
    if not (folder / "digits").exists():
        import_dataset("digits", folder / "digits")
    return open_dataset(folder / "digits" / "train")


def slow_down() -> None:
    take_step = GenerativeLearner.step

    def step(self, batch, *, learning_rate, n_before):
        time.sleep(0.02)
        return take_step(self, batch, learning_rate=learning_rate, n_before=n_before)

    GenerativeLearner.step = step  # type: ignore[method-assign]


def main() -> None:
    folder = Path(sys.argv[1])
    if "--slowly" in sys.argv:
        slow_down()
    warnings.simplefilter("ignore", CollapseWarning)
    data = training_data(folder)
    for settings in SETTINGS:
        out = folder / f"{settings.model}.safetensors"
        if out.exists():
            TrainedGenerator.load(out)
            continue
        trained = train_generator(
            data,
            out,
            settings=settings,
            length="20st",
            device="cpu",
            precision="float32",
            evaluations=4,
            checkpoint_path=folder / f"{settings.model}-checkpoint.safetensors",
            checkpoint_seconds=0.1,
            resume=True,
        )
        curve = [(p.step, p.train_loss, p.scores) for p in trained.history.curve]
        result = {"fingerprint": trained.fingerprint, "curve": curve}
        (folder / f"{settings.model}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
