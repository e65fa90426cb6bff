"""Training that waits for JPEG images: worker processes and quick decoding, beside a small subset.

    python benchmarks/studies/worker_processes.py DATA -o out.json --seeds 0 1 2
    python benchmarks/studies/worker_processes.py table out.json

DATA is a dataset folder with train and test. Its training images are enlarged to JPEG photographs
of 256 x 256 pixels and decoded to their own size again. The paper's classifier trains for 60
seconds of wall-clock, batches of 256, one-cycle at 0.1 by the share of the time that is spent;
everything but the scoring on the test data counts. The ways to get images:

- loop: they are decoded where the training loop asks for them
- 1 worker, 2 workers: by worker processes of torch's DataLoader, three batches ahead each
- draft: JPEG is decoded at a quarter of its size
- cached: each image is decoded when it is first asked for, and kept in memory
- a fifth: a random fifth of the images, decoded before the first step

Run on an idle machine. Run again with more seeds, it adds what is missing.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from survey_command import mean_with_interval, parser_of
from torch.utils.data import DataLoader

from thinset.data import open_dataset, open_encoded, write_photographs
from thinset.data.batches import Batch
from thinset.losses import classification
from thinset.models import Classifier
from thinset.results import describe_hardware
from thinset.training import OneCycleRate, SupervisedLearner, generator_for
from thinset.transforms import TestTransform, TrainTransform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from thinset.data import Dataset, EncodedDataset

    Rows = NDArray[np.int64]
    Samples = tuple[NDArray[np.uint8], Rows]

SIDE, SHARE, BATCH_SIZE, LEARNING_RATE, CROP = 256, 0.2, 256, 0.1, 24
BATCHES_AHEAD = 3


@dataclass(frozen=True)
class Way:
    n_workers: int = 0
    draft: bool = False
    cached: bool = False
    share: float = 1.0


WAYS = {
    "loop": Way(),
    "1 worker": Way(n_workers=1),
    "2 workers": Way(n_workers=2),
    "draft": Way(draft=True),
    "draft, 1 worker": Way(n_workers=1, draft=True),
    "draft, 2 workers": Way(n_workers=2, draft=True),
    "cached": Way(cached=True),
    "draft, cached": Way(draft=True, cached=True),
    "a fifth": Way(share=SHARE),
    "draft, a fifth": Way(draft=True, share=SHARE),
}


class Photographs(torch.utils.data.Dataset[Any]):
    """Takes a batch of rows at once."""

    def __init__(self, data: EncodedDataset) -> None:
        self._data = data
        self._labels = np.asarray(data.labels)

    def __len__(self) -> int:
        return len(self._data)

    def __getitems__(self, rows: list[int]) -> Samples:
        chosen = np.asarray(rows)
        return self._data.images.take(chosen), self._labels[chosen]


def orders(n: int, seed: int) -> Iterator[list[int]]:
    """Batches of rows, pass after pass."""
    draw = np.random.default_rng(seed)
    passes = itertools.chain.from_iterable(draw.permutation(n).tolist() for _ in itertools.count())
    while True:
        yield list(itertools.islice(passes, BATCH_SIZE))


def as_it_is(samples: Samples) -> Samples:
    return samples


def samples_of(path: Path, way: Way, shape: tuple[int, ...], seed: int) -> Iterator[Samples]:
    size = (shape[0], shape[1])
    cache = "memory" if way.cached else None
    data = open_encoded(path, size=size, draft=way.draft, cache=cache)
    if way.share < 1:
        rows = np.random.default_rng(seed).permutation(len(data))[: round(way.share * len(data))]
        images, labels = data.images.take(rows), np.asarray(data.labels)[rows]
        yield from ((images[batch], labels[batch]) for batch in orders(len(rows), seed))
        return
    photographs = Photographs(data)
    if way.n_workers == 0:
        yield from map(photographs.__getitems__, orders(len(data), seed))
        return
    yield from DataLoader(
        photographs, batch_sampler=orders(len(data), seed), num_workers=way.n_workers,
        prefetch_factor=BATCHES_AHEAD, collate_fn=as_it_is,
    )  # fmt: skip


def trained(path: Path, test: Dataset, way: Way, seconds: float, seed: int) -> dict[str, float]:
    learner = SupervisedLearner(
        Classifier(
            (CROP, CROP, test.image_shape[2]), test.n_classes,
            generator=generator_for(seed, "classifier weights"),
        ),
        loss=classification,
        train_transform=TrainTransform(
            crop=CROP, flip=True, brightness=63 / 255, contrast=(0.2, 1.8)
        ),
        test_transform=TestTransform(crop=CROP),
        weight_decay=0.004,
        seed=seed,
    )  # fmt: skip
    rate = OneCycleRate(LEARNING_RATE)
    learner.start()
    started = time.perf_counter()
    samples = samples_of(path, way, test.image_shape, seed)
    waited, n_steps = 0.0, 0
    while (spent := time.perf_counter() - started) < seconds:
        images, labels = next(samples)
        waited += time.perf_counter() - started - spent
        batch = Batch(
            torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels),
            torch.arange(len(labels)), None,
        )  # fmt: skip
        learner.step(batch, learning_rate=rate(spent / seconds), n_before=n_steps)
        n_steps += 1
    samples.close()
    accuracy = 100 * learner.score(test)["accuracy"]
    return {"accuracy": accuracy, "steps": n_steps, "waited (%)": 100 * waited / seconds}


def survey(folder: Path, seeds: list[int], seconds: float, names: list[str], out: Path) -> None:
    path = out.with_suffix(".parquet")
    if not path.exists():
        write_photographs(open_dataset(folder / "train"), path, side=SIDE)
    test = open_dataset(folder / "test")
    found = {"data": folder.name, "seconds": seconds, "machine": describe_hardware(), "results": []}
    if out.exists():
        found = json.loads(out.read_text())
    done = {(one["way"], one["seed"]) for one in found["results"]}
    for seed in seeds:
        for name in names:
            if (name, seed) not in done:
                figures = trained(path, test, WAYS[name], seconds, seed)
                found["results"].append({"way": name, "seed": seed, **figures})
                print(found["results"][-1], flush=True)
                out.write_text(json.dumps(found, indent=1))


def print_table(files: list[Path]) -> None:
    (file,) = files
    found = json.loads(file.read_text())
    ways: dict[str, dict[int, dict[str, Any]]] = {}
    for one in found["results"]:
        ways.setdefault(one["way"], {})[one["seed"]] = one
    print(f"{found['data']}, {found['seconds']:g} seconds, {found['machine']['cpu']}\n")
    print("| way | accuracy | beside the loop | beside a fifth | steps | waiting | n |")
    print("|---|---|---|---|---|---|---|")
    for way, by_seed in ways.items():
        scores = [one["accuracy"] for one in by_seed.values()]
        cells = [f"{statistics.fmean(scores):.1f} ± {statistics.stdev(scores):.1f}"]
        for other in ("loop", "a fifth"):
            each = [by_seed[seed]["accuracy"] - ways[other][seed]["accuracy"] for seed in by_seed]
            cells.append("" if way == other else mean_with_interval(each))
        means = [statistics.fmean(one[key] for one in by_seed.values())
                 for key in ("steps", "waited (%)")]  # fmt: skip
        cells += [f"{means[0]:,.0f}", f"{means[1]:.0f} %", str(len(scores))]
        print(f"| {way} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = parser_of(__doc__, ("data",), print_table, n_seeds=3)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", nargs="+", choices=list(WAYS), default=list(WAYS))
    arguments = parser.parse_args()
    survey(arguments.data, arguments.seeds, arguments.seconds, arguments.only, arguments.out)


if __name__ == "__main__":
    main()
