"""Writes drawn, interpolated or transformed images as dataset folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from thinset.augmentation.train import balanced_labels, require_n_images, require_unit_range
from thinset.data import DatasetWriter, open_dataset
from thinset.data.provenance import GeneratedBy, Parent
from thinset.files.decoding import encode
from thinset.files.overlap import require_apart
from thinset.progress import ProgressBar
from thinset.seeds import require_seed
from thinset.training.precision import resolve_device
from thinset.transforms.images import as_rows, to_unit_range

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from typing import Literal

    from thinset.augmentation.trained_generator import TrainedGenerator
    from thinset.data import Dataset
    from thinset.data.provenance import Provenance
    from thinset.models.generators import Decoder, Encoder

    Labels = np.ndarray[Any, np.dtype[np.int64]]


def generate(
    model: TrainedGenerator,
    out: str | os.PathLike[str],
    n_images: int,
    *,
    classes: Sequence[int] | Literal["balanced", "natural"] = "balanced",
    seed: int = 0,
    batch_size: int = 500,
    device: torch.device | str = "auto",
    provenance: Provenance | None = None,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Dataset:
    """Draw `n_images` images and write them as the dataset folder `out`.

    `classes`: "balanced" takes turns through the classes that the model was trained on, "natural"
    draws labels with the frequencies of the training data, and a list takes turns through its class
    numbers. Image number i depends on `seed`, i and its label alone. `provenance`: of the dataset,
    instead of that of images drawn by the model. Raises ValueError for a class that the model was
    not trained on, a seed out of range, and a number of images that is not from 1 to 100,000,000;
    FileExistsError if `out` exists, unless `overwrite`.
    """
    require_seed("seed", seed)
    if isinstance(classes, str):
        if classes == "natural":
            labels = _natural_labels(n_images, model.class_counts, seed)
        elif classes == "balanced":
            labels = balanced_labels(n_images, model.classes)
        else:
            raise ValueError(f"classes must be balanced, natural or a list, got {classes!r}")
    else:
        labels = balanced_labels(n_images, classes)
    model.require_trained_on(labels)
    return _write(
        model.draw(labels, seed=seed, batch_size=batch_size, device=device),
        labels,
        model,
        out,
        by=getattr(provenance, "by", model.name),
        seed=seed,
        parent=model.parent,
        provenance=provenance,
        overwrite=overwrite,
        show_progress=show_progress,
    )


def interpolate(
    model: TrainedGenerator,
    data: Dataset,
    out: str | os.PathLike[str],
    *,
    seed: int = 0,
    batch_size: int = 500,
    device: torch.device | str = "auto",
    overwrite: bool = False,
    show_progress: bool = False,
) -> Dataset:
    """Write one image for each sample of `data`, between it and another one of its class.

    Both are encoded by the VAE `model`; the decoder draws a uniformly random point of the line
    between the means of their latents. Raises ValueError for another kind of model, for images of
    another shape or float images outside [0, 1], for other class names than the model's, and
    for a class that has one sample or that the model was not trained on.
    """
    if "encoder" not in model.networks:
        raise ValueError(f"interpolate needs a cdcvae, which encodes images; got a {model.name}")
    if data.labels is None:
        raise ValueError(f"{data.name} has no labels: images are interpolated within classes")
    require_same_kind(data, model)
    require_seed("seed", seed)
    require_unit_range(data)
    require_apart(out, data.path)
    labels = np.asarray(data.labels)
    model.require_trained_on(labels)
    random = np.random.default_rng(seed)
    partners = _partners(labels, random, data.name)
    shares = random.random(len(labels), dtype=np.float32)
    return _write(
        _interpolated(model, data, labels, partners, shares, batch_size=batch_size, device=device),
        labels,
        model,
        out,
        by="interpolate",
        seed=seed,
        parent=Parent.of(data),
        overwrite=overwrite,
        show_progress=show_progress,
    )


def require_same_kind(data: Dataset, model: TrainedGenerator) -> None:
    """Raise ValueError unless images of `model` can stand beside those of `data`."""
    if data.image_shape != model.image_shape:
        raise ValueError(
            f"images of {data.name} must have the model's shape {model.image_shape}, got "
            f"{data.image_shape}"
        )
    if None not in (names := (data.class_names, model.class_names)) and names[0] != names[1]:
        raise ValueError(
            f"{data.name} must have the classes of the model, {names[1]}; got {names[0]}"
        )


def _interpolated(
    model: TrainedGenerator,
    data: Dataset,
    labels: Labels,
    partners: Labels,
    shares: np.ndarray[Any, np.dtype[np.float32]],
    *,
    batch_size: int,
    device: torch.device | str,
) -> Iterable[np.ndarray[Any, Any]]:
    where = resolve_device(device)
    decoder: Decoder = model.networks["generator"].to(where)  # type: ignore[assignment]
    encoder: Encoder = model.networks["encoder"].to(where)  # type: ignore[assignment]

    def encoded(rows: np.ndarray[Any, Any], targets: torch.Tensor) -> torch.Tensor:
        images = torch.from_numpy(data.images[rows]).permute(0, 3, 1, 2)
        mean: torch.Tensor = encoder(to_unit_range(images).to(where), targets)[0]
        return mean

    for start in range(0, len(labels), batch_size):
        rows = np.arange(start, min(start + batch_size, len(labels)))
        targets = torch.from_numpy(labels[rows]).to(where)
        share = torch.from_numpy(shares[rows])[:, None].to(where)
        with torch.no_grad():
            latents = torch.lerp(encoded(rows, targets), encoded(partners[rows], targets), share)
            yield as_rows(decoder(latents, targets), model.image_dtype)


def _partners(labels: Labels, random: np.random.Generator, name: str) -> Labels:
    """Another row of the same class for each row."""
    partners = np.empty(len(labels), np.int64)
    for number in np.unique(labels):
        rows = np.flatnonzero(labels == number)
        if len(rows) < 2:
            raise ValueError(f"{name}: class {number} has a single sample; interpolation needs two")
        # A uniformly random other one: steps of 1 .. n-1 around a circle of the class.
        steps = random.integers(1, len(rows), len(rows))
        partners[rows] = rows[(np.arange(len(rows)) + steps) % len(rows)]
    return partners


def _natural_labels(n_images: int, counts: Sequence[int], seed: int) -> Labels:
    require_n_images(n_images)
    shares = np.asarray(counts, np.float64) / sum(counts)
    return np.random.default_rng(seed).choice(len(counts), n_images, p=shares).astype(np.int64)


def _write(
    batches: Iterable[np.ndarray[Any, Any]],
    labels: Labels,
    model: TrainedGenerator,
    out: str | os.PathLike[str],
    *,
    by: str,
    seed: int,
    parent: Parent,
    overwrite: bool,
    show_progress: bool,
    provenance: Provenance | None = None,
) -> Dataset:
    n_written = 0
    with (
        DatasetWriter(
            out,
            name=f"{parent.name}, {by}",
            image_shape=model.image_shape,
            image_dtype=model.image_dtype,
            n_samples=len(labels),
            class_names=model.class_names or tuple(map(str, range(len(model.class_counts)))),
            provenance=provenance
            or GeneratedBy(
                by=by,
                model=model.fingerprint,
                parent=parent,
                seed=seed,
                params=encode(model.settings),
            ),
            overwrite=overwrite,
        ) as writer,
        ProgressBar(by, len(labels), unit="images", enabled=show_progress) as bar,
    ):
        for images in batches:
            writer.append(images, labels[n_written : n_written + len(images)])
            n_written += len(images)
            bar.update_to(n_written)
    return open_dataset(out)
