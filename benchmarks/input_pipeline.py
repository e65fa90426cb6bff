"""What share of a training goes into its input: `python benchmarks/input_pipeline.py TRAIN`.

TRAIN is a dataset folder of images with labels. The paper's classifier takes the same steps on
batches that come in several ways, in turns, beside one batch that is used again and again: what a
way of input costs is how many fewer steps a second it makes than that. `compiled` is the last way
with the model fused by torch.compile, whose compilation is not on the clock.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader

from thinset.data import Dataset, open_dataset
from thinset.data.batches import Batch, DeviceBatches
from thinset.losses import classification
from thinset.models import Classifier
from thinset.results import describe_hardware, describe_versions
from thinset.training import SupervisedLearner, generator_for
from thinset.training.precision import resolve_device
from thinset.transforms import TrainTransform

if TYPE_CHECKING:
    from collections.abc import Iterator

WARM_UP_STEPS = 5
AUGMENTATION = TrainTransform(crop=24, flip=True, brightness=63 / 255, contrast=(0.2, 1.8))


class Samples(torch.utils.data.Dataset):
    """A dataset as most people write it: one sample at a time, augmented where it is read."""

    def __init__(self, data: Dataset, *, augmented: bool) -> None:
        self._data = data
        self._augmented = augmented
        self._generator = torch.Generator().manual_seed(0)

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        pixels, label = self._data[row]
        image = torch.from_numpy(pixels).permute(2, 0, 1)
        return self._augment(image) if self._augmented else image, label

    def _augment(self, image: torch.Tensor) -> torch.Tensor:
        return AUGMENTATION(image[None], self._generator)[0]


def reused(batches: Iterator[Batch]) -> Iterator[Batch]:
    """One batch again and again."""
    return itertools.repeat(next(batches))


def of_a_loader(
    samples: torch.utils.data.Dataset, batch_size: int, n_workers: int, device: torch.device
) -> Iterator[Batch]:
    """Batches of torch's DataLoader, without end."""
    loader = DataLoader(
        samples, batch_size, shuffle=True, drop_last=True, num_workers=n_workers,
        pin_memory=device.type == "cuda", persistent_workers=n_workers > 0,
    )  # fmt: skip
    while True:
        for images, labels in loader:
            yield Batch(
                images.to(device, non_blocking=True, memory_format=torch.channels_last),
                labels.to(device, non_blocking=True),
                torch.empty(0, dtype=torch.int64),
                None,
            )


def augmented_already(images: torch.Tensor, _: torch.Generator) -> torch.Tensor:
    """The images as they are."""
    return images


class Way:
    """A training whose batches come in one way."""

    def __init__(
        self, data: Dataset, batches: Iterator[Batch], transform: object, arguments: object
    ) -> None:
        model = Classifier(
            (AUGMENTATION.crop, AUGMENTATION.crop, data.image_shape[2]), data.n_classes,
            generator=generator_for(0, "classifier weights"),
        )  # fmt: skip
        self._learner = SupervisedLearner(
            model, loss=classification, train_transform=transform,
            batch_size=arguments.batch_size, weight_decay=0.004, device=arguments.device,
        )  # fmt: skip
        self._batches = batches
        self._n_before = 0
        self._learner.start()
        self.take(WARM_UP_STEPS)

    def compile(self) -> None:
        """Fuse the layers from now on."""
        self._learner.model.compile()
        self.take(WARM_UP_STEPS)

    def take(self, n_steps: int) -> float:
        """Take steps; the seconds that they took."""
        start = time.perf_counter()
        for _ in range(n_steps):
            batch = next(self._batches)
            self._learner.step(batch, learning_rate=0.01, n_before=self._n_before)
            self._n_before += 1
        self._learner.take_loss_sum()  # waits for the device
        return time.perf_counter() - start


def ways(data: Dataset, arguments: argparse.Namespace) -> dict[str, Way]:
    """Every way of input, by its name; the floor first."""
    device = resolve_device(arguments.device)

    def device_batches(*, resident: bool) -> Iterator[Batch]:
        return DeviceBatches(
            data, device=device, batch_size=arguments.batch_size,
            generator=torch.Generator().manual_seed(0), channels_last=True, resident=resident,
        )  # fmt: skip

    def way(batches: Iterator[Batch], transform: object = AUGMENTATION) -> Way:
        return Way(data, batches, transform, arguments)

    found = {
        "one batch again and again": way(reused(device_batches(resident=True))),
        "thinset, on the device": way(device_batches(resident=True)),
        "thinset, mapped": way(device_batches(resident=False)),
    }
    for n_workers in arguments.workers:
        for augmented in (False, True):
            batches = of_a_loader(
                Samples(data, augmented=augmented), arguments.batch_size, n_workers, device
            )
            where = "in the dataset" if augmented else "in batches"
            found[f"DataLoader, {n_workers} workers, augmented {where}"] = way(
                batches, augmented_already if augmented else AUGMENTATION
            )
    if arguments.compiled:
        found["thinset, on the device, compiled"] = way(device_batches(resident=True))
        found["thinset, on the device, compiled"].compile()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", metavar="TRAIN")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=10, help="of each way in each round")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    found = ways(open_dataset(arguments.train), arguments)
    seconds = {name: [] for name in found}
    for _ in range(arguments.rounds):
        for name, way in found.items():
            seconds[name].append(way.take(arguments.steps))
    floor = statistics.median(next(iter(seconds.values())))
    print("| batches | steps per second | share of the time that goes into input |\n|---|---|---|")
    for name, taken in seconds.items():
        slowest, *_, fastest = sorted(arguments.steps / one for one in taken)
        median = statistics.median(taken)
        rate = f"{arguments.steps / median:.3g} ({slowest:.3g} to {fastest:.3g})"
        print(f"| {name} | {rate} | {100 * (1 - floor / median):.1f} % |")
    if arguments.json:
        content = {
            "seconds": seconds, "arguments": vars(arguments),
            "hardware": describe_hardware(), "versions": describe_versions(),
        }  # fmt: skip
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)


if __name__ == "__main__":
    main()
