"""Two-phase training in a plain PyTorch loop: the loop, the model and the loss stay as they are.

Only the lines marked `# thinset` are new. `python docs/examples/plain_pytorch.py` takes a few
seconds on the digits that come with thinset.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

import thinset
from thinset.data import import_dataset
from thinset.training import TwoPhaseSampler


def main(folder: Path) -> float:
    """Train a small network on the digits; return its accuracy on the test digits, 0..1."""
    digits = import_dataset("digits", folder)
    train, test = digits["train"], digits["test"]

    pixels = train.images.reshape(len(train), -1).astype("float32")
    selection = thinset.select(pixels, 0.2, method="kmeans", random_state=0)  # thinset
    sampler = TwoPhaseSampler(len(train), selection.indices, fast="5ep", seed=0)  # thinset
    loader = DataLoader(train, batch_size=64, sampler=sampler)  # thinset: was shuffle=True

    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(15):
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images / 255), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    images = torch.from_numpy(test.images[:].copy())
    predicted = model(images / 255).argmax(dim=1)
    return float((predicted == torch.from_numpy(test.labels[:].copy())).float().mean())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(f"test accuracy {main(Path(scratch) / 'digits'):.1%}")  # noqa: T201
