from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

IMAGE_SHAPE = (32, 32, 3)


class Problem:
    """Paths `source` and `target`, and the row numbers `indices`; a context manager."""

    def __init__(self, *, full, n_threads):
        self.n_threads = n_threads
        n_rows, k = (50_000, 4_320) if full else (10_000, 864)
        self.size = f"{k:,} of {n_rows:,} x {'x'.join(map(str, IMAGE_SHAPE))} uint8"
        generator = np.random.default_rng(2024)
        self.images = generator.integers(0, 256, (n_rows, *IMAGE_SHAPE), dtype=np.uint8)
        self.indices = generator.permutation(n_rows)[:k]
        self._folder = tempfile.TemporaryDirectory()
        self.source = Path(self._folder.name) / "images.npy"
        self.target = Path(self._folder.name) / "rows.npy"
        np.save(self.source, self.images)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._folder.cleanup()

    def check(self, _):
        written = self.target.read_bytes()
        self.target.unlink()
        np.save(self.target, self.images[self.indices])
        assert written == self.target.read_bytes()
        self.target.unlink()
