"""How long training waits for encoded images: `python benchmarks/encoded_images.py`.

Reads every image of a source in random order, batch by batch, as a training does, in several ways:
decoded on each access, at a part of their size (draft), and once with a cache in memory or in a
folder. Prints the preparation (opening the source, and the cache), the first pass and the later
passes, each in milliseconds for 1,000 images, and the ratio to decoding on each access. The ways
take turns, so that a busy machine slows all of them; the median of the rounds is shown. The pixels
of each way are compared before the clock starts.

SOURCE is anything that `open_encoded` reads; by default, JPEG photographs that are made of random
patterns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thinset.data import DatasetWriter, open_dataset, open_encoded, write_photographs
from thinset.results import describe_hardware

if TYPE_CHECKING:
    from thinset.data import EncodedDataset

BATCH_SIZE = 256
_COARSE = 8  # pixels of a side before they are enlarged


def photographs(folder: Path, n_images: int, side: int) -> Path:
    """JPEG images of smooth random patterns, in one parquet file."""
    generator = np.random.default_rng(0)
    shape = (_COARSE, _COARSE, 3)
    with DatasetWriter(
        folder / "patterns", name="patterns", image_shape=shape, image_dtype="uint8",
        n_samples=n_images,
    ) as writer:  # fmt: skip
        writer.append(generator.integers(0, 256, (n_images, *shape), dtype=np.uint8))
    path = folder / "photographs.parquet"
    write_photographs(open_dataset(folder / "patterns"), path, side=side)
    return path


def seconds_of_pass(data: EncodedDataset, seed: int) -> float:
    """How long all images take in random order."""
    order = np.random.default_rng(seed).permutation(len(data))
    start = time.perf_counter()
    for first in range(0, len(order), BATCH_SIZE):
        data.images.take(order[first : first + BATCH_SIZE])
    return time.perf_counter() - start


def opened(source: str, folder: Path, size: tuple[int, int], way: str) -> EncodedDataset:
    """The source, read in one way; a folder with a cache is a new one unless it is reopened."""
    options = {
        "decoded on each access": {},
        "draft": {"draft": True},
        "cache in memory": {"cache": "memory"},
        "cache in memory, draft": {"cache": "memory", "draft": True},
        "cache in a folder": {"cache": folder / "cache"},
        "cache in a folder, filled before": {"cache": folder / "filled"},
    }
    return open_encoded(source, size=size, **options[way])


WAYS = (
    "decoded on each access", "draft", "cache in memory", "cache in memory, draft",
    "cache in a folder", "cache in a folder, filled before",
)  # fmt: skip


def measured(
    source: str, size: tuple[int, int], n_rounds: int
) -> dict[str, tuple[list[float], list[float], list[float]]]:
    """Seconds to open, of the first pass and of the second, by way, round by round."""
    found = {way: ([], [], []) for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        filled = opened(source, Path(name), size, WAYS[-1])
        expected = filled.images[:]
        for number in range(n_rounds):
            folder = Path(name) / f"round-{number}"
            folder.mkdir()
            (folder / "filled").symlink_to(Path(name) / "filled")
            for way in WAYS:
                start = time.perf_counter()
                data = opened(source, folder, size, way)
                found[way][0].append(time.perf_counter() - start)
                found[way][1].append(seconds_of_pass(data, 2 * number))
                found[way][2].append(seconds_of_pass(data, 2 * number + 1))
                if "draft" not in way:
                    np.testing.assert_array_equal(data.images[:BATCH_SIZE], expected[:BATCH_SIZE])
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", metavar="SOURCE", nargs="?")
    parser.add_argument("--images", type=int, default=1000, help="that are made without SOURCE")
    parser.add_argument("--side", type=int, default=256, help="of images that are made")
    parser.add_argument("--size", type=int, default=32, help="side of decoded images")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        source = options.source or photographs(Path(name), options.images, options.side)
        size = (options.size, options.size)
        n_images = len(open_encoded(source, size=size))
        found = measured(source, size, options.rounds)
    floor = statistics.median(found[WAYS[0]][2])
    print(f"{n_images:,} images, {options.rounds} rounds, {describe_hardware()}\n")
    print("| way | opening | first pass | later passes | ratio of later passes |")
    print("|---|---|---|---|---|")
    for way, times in found.items():
        medians = [statistics.median(seconds) for seconds in times]
        cells = " | ".join(f"{1e6 * seconds / n_images:.3g} ms" for seconds in medians)
        print(f"| {way} | {cells} | {medians[2] / floor:.3f} |")


if __name__ == "__main__":
    main()
