"""Two-phase training in several processes, with DistributedDataParallel.

`torchrun --nproc-per-node 2 docs/examples/several_processes.py` takes some seconds on the digits
that come with thinset, which it writes to the folder `digits`; with plain `python`, one process
trains. The sampler divides every pass among the processes, so there is no DistributedSampler. Only
the lines marked `# thinset` are new.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

import thinset
from thinset.data import import_dataset, open_dataset
from thinset.training import TwoPhaseSampler


def main(folder: Path) -> float:
    """Train a small network on the digits; return its accuracy on the test digits, 0..1."""
    if not dist.is_initialized() and "WORLD_SIZE" in os.environ:
        dist.init_process_group("gloo")  # "nccl" on GPUs
    is_several = dist.is_initialized()
    if not folder.exists() and (not is_several or dist.get_rank() == 0):
        import_dataset("digits", folder)
    if is_several:
        dist.barrier()  # the others open what the first process wrote
    train, test = open_dataset(folder / "train"), open_dataset(folder / "test")

    # Every process selects the same samples: the result depends on the data and the seed alone.
    pixels = train.images.reshape(len(train), -1).astype("float32")
    selection = thinset.select(pixels, 0.2, method="kmeans", random_state=0)  # thinset
    sampler = TwoPhaseSampler(len(train), selection.indices, fast="5ep", seed=0)  # thinset
    loader = DataLoader(train, batch_size=32, sampler=sampler)  # thinset

    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    model = DistributedDataParallel(network) if is_several else network
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(15):
        n_seen = 0
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images / 255), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            n_seen += len(labels)
        print(f"epoch {epoch}: {n_seen} samples in this process", file=sys.stderr)  # noqa: T201

    images = torch.from_numpy(test.images[:].copy())
    predicted = network(images / 255).argmax(dim=1)
    return float((predicted == torch.from_numpy(test.labels[:].copy())).float().mean())


if __name__ == "__main__":
    print(f"test accuracy {main(Path('digits')):.2%}")  # noqa: T201
    if dist.is_initialized():
        dist.destroy_process_group()
