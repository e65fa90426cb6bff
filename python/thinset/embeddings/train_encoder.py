"""Trains the autoencoder that computes embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from thinset.duration import Duration
from thinset.files.atomic import atomic_folder
from thinset.files.json import read_json, write_json_with_digest
from thinset.losses import reconstruction
from thinset.models import Autoencoder
from thinset.training.learners.fit import fit
from thinset.training.phases import Phase
from thinset.training.randomness import generator_for
from thinset.training.weights import load_weights, save_weights, weights_fingerprint
from thinset.transforms.crops import CenterCrop, RandomCrop
from thinset.transforms.images import GREY_LEVELS

if TYPE_CHECKING:
    import os

    import torch

    from thinset.data.batches import ImageArrays
    from thinset.training.loop.history import History

FORMAT = "thinset-encoder"
VERSION = 1
_WEIGHTS = "encoder.safetensors"
_DESCRIPTION = "encoder.json"
_IMAGES_FOR_MEAN = 4096
_LONGEST = 100_000  # pixels or channels in a description; more means a damaged file


class TrainedAutoencoder(NamedTuple):
    """An autoencoder in evaluation mode, and how its training went."""

    model: Autoencoder
    history: History


def train_autoencoder(
    dataset: ImageArrays,
    out: str | os.PathLike[str] | None = None,
    *,
    length: Duration | str = "40000st",
    crop: int | None = None,
    widths: tuple[int, int, int] = (64, 96, 24),
    batch_size: int = 1024,
    learning_rate: float = 0.1,
    momentum: float = 0.9,
    seed: int = 0,
    device: torch.device | str = "auto",
    precision: str = "auto",
    test_data: ImageArrays | None = None,
    evaluations: int = 10,
    checkpoint_path: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    show_progress: bool = False,
) -> TrainedAutoencoder:
    """Train an Autoencoder to reconstruct the images of `dataset`, scaled to [0, 1].

    The defaults are those of "Faster Training by Selecting Samples Using Embeddings", sections
    IV-B and V-A, which for CIFAR-10 also take `crop=24`: random crops in training, central ones in
    testing and encoding. `widths`: see Autoencoder. The other settings are those of `fit`.

    With `out`, writes a folder with encoder.safetensors and encoder.json, which `load_autoencoder`
    reads. Raises FileExistsError, before training, if `out` exists and `overwrite` is false;
    otherwise raises as `fit` does.
    """
    if out is not None and Path(out).exists() and not overwrite:
        raise FileExistsError(f"{out} already exists; choose another output, or pass overwrite")
    height, width, channels = dataset.images.shape[1:]
    image_shape = (height, width, channels) if crop is None else (crop, crop, channels)
    model = Autoencoder(
        image_shape,
        widths,
        mean_pixel=_mean_pixel(dataset.images),
        generator=generator_for(seed, "autoencoder weights"),
    )
    history = fit(
        model,
        [Phase("autoencoder", dataset, Duration.parse(length))],
        loss=reconstruction,
        train_transform=RandomCrop(crop),
        test_data=test_data,
        test_transform=None if test_data is None else CenterCrop(crop),
        batch_size=batch_size,
        learning_rate=learning_rate,
        momentum=momentum,
        ema_decay=None,
        seed=seed,
        device=device,
        precision=precision,
        evaluations=evaluations,
        checkpoint_path=checkpoint_path,
        resume=resume,
        show_progress=show_progress,
        label="encoder training",
    )
    if out is not None:
        save_autoencoder(model, out, history=history, overwrite=overwrite)
    return TrainedAutoencoder(model, history)


def save_autoencoder(
    model: Autoencoder,
    out: str | os.PathLike[str],
    *,
    history: History | None = None,
    overwrite: bool = False,
) -> None:
    """Write the folder `out` with encoder.safetensors and encoder.json, which describes it.

    The folder is written atomically. Raises FileExistsError if it exists, unless `overwrite` is
    true and it contains only an encoder.
    """
    description = {
        "format": FORMAT,
        "version": VERSION,
        "image_shape": model.image_shape,
        "widths": model.widths,
        "weights_sha256": weights_fingerprint(model),
        "history": None if history is None else history.to_dict(),
    }
    with atomic_folder(out, overwrite=overwrite, foreign=_foreign_to_encoder) as folder:
        save_weights(model, folder / _WEIGHTS)
        write_json_with_digest(folder / _DESCRIPTION, description)


def _foreign_to_encoder(folder: Path) -> str | None:
    """The first entry that does not belong to an encoder's folder; None if there is none."""
    names = sorted(path.name for path in folder.iterdir())
    try:
        _read_description(folder / _DESCRIPTION)
    except (OSError, ValueError):
        return names[0] if names else None
    return next((name for name in names if name not in (_WEIGHTS, _DESCRIPTION)), None)


def load_autoencoder(path: str | os.PathLike[str]) -> Autoencoder:
    """Read an autoencoder from the folder that `save_autoencoder` wrote, in evaluation mode.

    Raises OSError if a file cannot be read, and ValueError if one is damaged, has another version,
    or does not match encoder.json.
    """
    folder = Path(path)
    description = _read_description(folder / _DESCRIPTION)
    model = Autoencoder(description["image_shape"], tuple(description["widths"]))
    load_weights(model, folder / _WEIGHTS)
    if weights_fingerprint(model) != description["weights_sha256"]:
        raise ValueError(
            f"{folder / _WEIGHTS} has changed since it was written: its weights do not match "
            "encoder.json"
        )
    return model.eval()


def _mean_pixel(images: np.ndarray[Any, Any]) -> float:
    # A few thousand images spread over the dataset estimate the mean well enough.
    rows = images[:: max(1, len(images) // _IMAGES_FOR_MEAN)]
    mean = float(rows.mean(dtype=np.float64))
    return mean / GREY_LEVELS if images.dtype == np.uint8 else mean


def seconds_of_encoder(path: str | os.PathLike[str]) -> float | None:
    """Seconds that training the autoencoder in the folder `path` took; None if unknown."""
    try:
        seconds = read_json(Path(path) / _DESCRIPTION)["history"]["seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(seconds) if isinstance(seconds, int | float) else None


def _read_description(path: Path) -> dict[str, Any]:
    description = read_json(path)
    names = ("format", "version", "image_shape", "widths", "weights_sha256")
    missing = [
        name for name in names if not isinstance(description, dict) or name not in description
    ]
    if missing:
        raise ValueError(f"{path} is not the description of an encoder: it has no {missing[0]!r}")
    found = (description["format"], description["version"])
    if found != (FORMAT, VERSION):
        raise ValueError(f"{path} must be {FORMAT} version {VERSION}, got {found[0]} {found[1]}")
    for name in ("image_shape", "widths"):
        lengths = description[name]
        if (
            not isinstance(lengths, list)
            or len(lengths) != 3
            or not all(type(length) is int and 1 <= length <= _LONGEST for length in lengths)
        ):
            raise ValueError(
                f"{path}: {name} must be three integers from 1 to {_LONGEST:,}, got {lengths!r}"
            )
    return description  # type: ignore[no-any-return]
