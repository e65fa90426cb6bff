"""A short training run in a process of its own, for test_resume.py to kill and start again."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from thinset.data import Dataset, import_dataset, open_dataset, write_subset
from thinset.losses import classification
from thinset.models import Classifier
from thinset.training import TwoPhase, fit, generator_for, save_weights
from thinset.transforms import TestTransform, TrainTransform

TRANSFORM = TrainTransform(crop=7, brightness=0.2, contrast=(0.8, 1.2))


def datasets(folder: Path) -> tuple[Dataset, Dataset, Dataset]:
    if not (folder / "subset").exists():
        digits = import_dataset("digits", folder / "digits", overwrite=True)
        write_subset(range(0, 1000, 7), digits["train"], folder / "subset")
    return tuple(open_dataset(folder / name) for name in ("digits/train", "subset", "digits/test"))


def main() -> None:
    folder = Path(sys.argv[1])
    pause = 0.02 if "--slowly" in sys.argv else 0.0

    def loss(model, images, labels):
        time.sleep(pause)
        return classification(model, images, labels)

    full, subset, test = datasets(folder)
    model = Classifier((7, 7, 1), 10, generator=generator_for(0, "weights"))
    history = fit(
        model,
        TwoPhase(full, subset, "50%", "60st"),
        loss=loss,
        train_transform=TRANSFORM,
        test_data=test,
        test_transform=TestTransform(crop=7),
        batch_size=64,
        weight_decay=0.004,
        device="cpu",
        evaluations=5,
        checkpoint_path=folder / "checkpoint.safetensors",
        checkpoint_seconds=0.05,
        resume=True,
    )
    save_weights(model, folder / "weights.safetensors")
    curve = [(p.step, p.train_loss, p.test_loss, p.test_accuracy) for p in history.curve]
    (folder / "curve.json").write_text(json.dumps(curve))


if __name__ == "__main__":
    main()
