from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

import floors
import page_cache

IMAGE_SHAPE = (32, 32, 3)
_ROWS_PER_BLOCK = 10_000


class FileSize(NamedTuple):
    n_rows: int
    k: int


class Problem:
    """Paths `source` and `target`, and the row numbers `indices`."""

    @staticmethod
    def sizes(*, full):
        if full:
            return [FileSize(1_000_000, 4_320), FileSize(1_000_000, 86_400)]
        return [FileSize(10_000, 864)]

    def __init__(self, size, *, data, n_threads):
        del data  # Images are images.
        self.n_threads = n_threads
        n_rows, k = size
        shape = "x".join(map(str, IMAGE_SHAPE))
        self.description = f"{k:,} of {n_rows:,} x {shape} uint8"
        self.indices = np.random.default_rng(2024).permutation(n_rows)[:k]
        # The contenders of a run share the source; run.py makes and removes its folder.
        self.source = Path(tempfile.gettempdir()) / f"images-{n_rows}.npy"
        if not self.source.exists():
            write_images(self.source, n_rows)
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.target = self.folder / "rows.npy"
        # What a contender reads; one that needs another format adds its file.
        self.sources = [self.source]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._folder.cleanup()

    def before_round(self):
        self.target.unlink(missing_ok=True)
        for source in self.sources:
            page_cache.fill(source)

    def floors(self):
        rows = self.expected_rows().tobytes()
        target = self.folder / "floor"
        return {
            "write": floors.file_write(target, rows, sync=False),
            "write+sync": floors.file_write(target, rows, sync=True),
        }

    def expected_rows(self):
        """The rows from the generator that the source was written by, not from the source."""
        n_rows = np.load(self.source, mmap_mode="r").shape[0]
        rows = np.empty((len(self.indices), *IMAGE_SHAPE), dtype=np.uint8)
        for start, block in image_blocks(n_rows):
            here = (self.indices >= start) & (self.indices < start + len(block))
            rows[here] = block[self.indices[here] - start]
        return rows

    def check(self, _):
        written = hashlib.sha256(self.target.read_bytes()).hexdigest()
        reference = self.folder / "reference.npy"
        np.save(reference, self.expected_rows())
        expected = hashlib.sha256(reference.read_bytes()).hexdigest()
        reference.unlink()
        assert written == expected, "the file differs from what numpy.save writes"


def image_blocks(n_rows):
    """(first row, random images) of all blocks of a source."""
    for start in range(0, n_rows, _ROWS_PER_BLOCK):
        generator = np.random.default_rng([2024, start])
        shape = (min(_ROWS_PER_BLOCK, n_rows - start), *IMAGE_SHAPE)
        yield start, generator.integers(0, 256, shape, dtype=np.uint8)


def write_images(path, n_rows):
    unfinished = path.with_suffix(".unfinished")
    images = np.lib.format.open_memmap(
        unfinished, mode="w+", dtype=np.uint8, shape=(n_rows, *IMAGE_SHAPE)
    )
    for start, block in image_blocks(n_rows):
        images[start : start + len(block)] = block
    images.flush()
    del images
    unfinished.replace(path)
