"""The small dataset that the tests of dataset folders write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.data import DatasetWriter

if TYPE_CHECKING:
    from pathlib import Path

N_SAMPLES, HEIGHT, WIDTH, CHANNELS = 23, 4, 5, 3
CLASS_NAMES = ("ant", "bee", "cat")


def writer(out: Path, **changes: Any) -> DatasetWriter:
    settings: dict[str, Any] = {
        "name": "insects",
        "image_shape": (HEIGHT, WIDTH, CHANNELS),
        "image_dtype": "uint8",
        "n_samples": N_SAMPLES,
    }
    return DatasetWriter(out, **(settings | changes))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
