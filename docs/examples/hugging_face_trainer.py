"""Two-phase training with Hugging Face's Trainer: the model and the arguments stay as they are.

Only the lines marked `# thinset` are new. `python docs/examples/hugging_face_trainer.py` takes a
few seconds on the digits that come with thinset.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import nn
from transformers import Trainer, TrainingArguments, set_seed

import thinset
from thinset.data import import_dataset
from thinset.integrations.transformers import TwoPhaseCallback


class Digits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.network(images / 255)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def main(folder: Path) -> float:
    """Train a small network on the digits; return its accuracy on the test digits, 0..1."""
    digits = import_dataset("digits", folder / "digits")
    train, test = digits["train"], digits["test"]
    examples = [{"images": image, "labels": label} for image, label in train]

    pixels = train.images.reshape(len(train), -1).astype("float32")
    selection = thinset.select(pixels, 0.2, method="kmeans", random_state=0)  # thinset

    set_seed(0)
    model = Digits()
    arguments = TrainingArguments(
        output_dir=str(folder / "run"),
        num_train_epochs=10,
        per_device_train_batch_size=64,
        learning_rate=3e-3,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = Trainer(
        model,
        arguments,
        train_dataset=examples,
        callbacks=[TwoPhaseCallback(selection.indices, fast="5ep")],  # thinset
    )
    trainer.train()

    images = torch.from_numpy(test.images[:].copy())
    predicted = model.network(images / 255).argmax(dim=1)
    return float((predicted == torch.from_numpy(test.labels[:].copy())).float().mean())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(f"test accuracy {main(Path(scratch)):.1%}")  # noqa: T201
