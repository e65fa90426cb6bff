"""Two-phase training under Lightning: the module and the Trainer stay as they are.

Only the lines marked `# thinset` are new. `python docs/examples/lightning_module.py` takes a few
seconds on the digits that come with thinset.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader

import thinset
from thinset.data import import_dataset
from thinset.integrations.lightning import TwoPhaseLoader


class Digits(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def training_step(self, batch: list[torch.Tensor], _index: int) -> torch.Tensor:
        images, labels = batch
        return nn.functional.cross_entropy(self.network(images / 255), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


def main(folder: Path) -> float:
    """Train a small network on the digits; return its accuracy on the test digits, 0..1."""
    digits = import_dataset("digits", folder)
    train, test = digits["train"], digits["test"]
    loader = DataLoader(train, batch_size=64, shuffle=True)

    pixels = train.images.reshape(len(train), -1).astype("float32")
    selection = thinset.select(pixels, 0.2, method="kmeans", random_state=0)  # thinset
    loader = TwoPhaseLoader(loader, selection.indices, fast="5ep")  # thinset

    lightning.seed_everything(0, verbose=False)
    module = Digits()
    trainer = lightning.Trainer(
        max_epochs=10,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, loader)

    images = torch.from_numpy(test.images[:].copy())
    predicted = module.network(images / 255).argmax(dim=1)
    return float((predicted == torch.from_numpy(test.labels[:].copy())).float().mean())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(f"test accuracy {main(Path(scratch) / 'digits'):.1%}")  # noqa: T201
