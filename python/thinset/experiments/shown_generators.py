"""What pages show of trained generators: files that are read without torch."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.files.atomic import atomic_file
from thinset.files.decoding import Count, decode, encode
from thinset.files.json import read_json, write_json_with_digest
from thinset.report import ShownGenerator
from thinset.selection.npz_file import read_npz

if TYPE_CHECKING:
    from pathlib import Path

    from thinset.training.loop.history import History

EXTRACTOR_FILE = "extractor.json"
FOLDER = "generators"
"""The folder of generators in that of an experiment"""


def weights_file(folder: Path, name: str, seed: int) -> Path:
    """The trained generator; what pages show of it has the same name with .json and .npz."""
    return folder / FOLDER / f"{name}-seed{seed}.safetensors"


@dataclass(frozen=True)
class Training:
    """Losses and scores of a generator at the `steps` of its evaluations.

    extractor: the features of FID and agreement; None without these scores, and in files of earlier
    versions, which scored by a classifier trained on the generator's own data.
    """

    steps: tuple[Count, ...]
    scores: dict[str, tuple[float, ...]]
    collapse: str | None
    extractor: str | None = None

    def __post_init__(self) -> None:
        for name, values in self.scores.items():
            if len(values) != len(self.steps):
                raise ValueError(f"{name} must have {len(self.steps)} values, got {len(values)}")


def store_training(
    weights: Path, history: History, collapse: str | None, extractor: str | None
) -> None:
    """Store what pages show of a training beside the file `weights`."""
    curve = history.curve
    names = curve[-1].scores if curve else ()
    training = Training(
        steps=tuple(point.step for point in curve),
        scores={name: tuple(point.scores[name] for point in curve) for name in names},
        collapse=collapse,
        extractor=extractor,
    )
    write_json_with_digest(weights.with_suffix(".json"), encode(training))


def stored_training(file: Path) -> Training:
    """Read what `store_training` wrote; ValueError, naming the file, where it is damaged."""
    return decode(read_json(file), Training, str(file))


def store_grid(weights: Path, images: np.ndarray[Any, Any]) -> None:
    """Store images (n, H, W, C) beside the file `weights`."""
    # In memory first: on a full disk, a half-written archive cannot be closed.
    content = io.BytesIO()
    np.savez(content, images=images)
    with atomic_file(weights.with_suffix(".npz")) as partial:
        partial.write_bytes(content.getbuffer())


def stored_grid(file: Path) -> np.ndarray[Any, Any]:
    """Read what `store_grid` wrote; ValueError, naming the file, where it is damaged."""
    try:
        (images,) = read_npz(file, "images")
    except ValueError as error:
        raise ValueError(f"{file} is damaged: {error}") from error
    if images.ndim != 4 or images.dtype != np.uint8:
        raise ValueError(
            f"{file}: images must be uint8 of 4 dimensions, got {images.dtype} of {images.ndim}"
        )
    return images


def store_extractor(folder: Path, name: str) -> None:
    """Store the name of the features that images at all sizes are measured by."""
    write_json_with_digest(folder / EXTRACTOR_FILE, {"extractor": name})


def stored_extractor(folder: Path) -> str | None:
    """Read what `store_extractor` wrote; None if there is nothing."""
    file = folder / EXTRACTOR_FILE
    if not file.exists():
        return None
    return decode(read_json(file), dict[str, str], str(file)).get("extractor")


def stored_generator(folder: Path, name: str, seed: int) -> ShownGenerator | None:
    """Read what is stored of a generator; None unless its images are."""
    weights = weights_file(folder, name, seed)
    grid = weights.with_suffix(".npz")
    if not grid.exists():
        return None
    training = stored_training(weights.with_suffix(".json"))
    return ShownGenerator(
        name,
        stored_grid(grid),
        training.steps,
        training.scores,
        training.collapse,
        training.extractor,
    )
