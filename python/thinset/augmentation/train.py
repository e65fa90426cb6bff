"""Trains a generator of labelled images."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.augmentation.generators import generator_named
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.data.provenance import Parent
from thinset.duration import Duration
from thinset.training.loop.train import train
from thinset.training.phases import Phase
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import torch

    from thinset.data import Dataset
    from thinset.training.learners.generative import Observer
    from thinset.training.loop.history import History
    from thinset.training.loop.metrics_log import Log

LEAST_DIVERSITY = 0.05
"""Below this share of the data's within-class deviation, a generator counts as collapsed"""
LEAST_DISCRIMINATOR_LOSS = 0.01
"""Below this, a discriminator tells all images apart and teaches the generator nothing"""


class CollapseWarning(UserWarning):
    """A generator draws nearly the same image again and again, or stopped learning."""


def train_generator(
    data: Dataset,
    out: str | os.PathLike[str] | None = None,
    *,
    settings: Any,
    length: Duration | str = "500ep",
    validation_data: Dataset | None = None,
    seed: int = 0,
    device: torch.device | str = "auto",
    precision: str = "auto",
    evaluations: int = 10,
    observe: Observer | None = None,
    log: Log | None = None,
    checkpoint_path: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    show_progress: bool = False,
) -> TrainedGenerator:
    """Train a generator of the images of `data` given their labels.

    `settings`: the Settings of one of thinset.augmentation.generators; they name the generator.
    `length`: the paper trains for 500 epochs. `validation_data`: images that scores compare with
    (a VAE's lower bound, and the diversity of all); by default `data`. `observe`: called with the
    generator at each of the `evaluations`; see thinset.training.learners.generative. Checkpoints,
    `log`: see thinset.training.train. With `out`, writes the file that TrainedGenerator.load reads.

    Warns with CollapseWarning, and says so in the result, if the generator collapsed: generated
    images of one class that hardly differ, or a discriminator that is never wrong.

    Raises ValueError for data without labels, a class with a single sample, sides that are not
    divisible by 4, and (TrainingDivergedError) for a loss that is not finite; the last checkpoint
    is kept then. FileExistsError, before training, if `out` exists.
    """
    if out is not None and Path(out).exists():
        raise FileExistsError(f"{out} already exists; choose another output")
    counts = class_counts(data)
    module = generator_named(settings.model)
    networks = module.networks(
        settings, data.image_shape, data.n_classes, generator_for(seed, "generator weights")
    )
    learner = module.learner(
        networks, settings, seed=seed, device=device, precision=precision, observe=observe
    )
    history = train(
        learner,
        [Phase(settings.model, data, Duration.parse(length))],
        learning_rate=settings.learning_rate,
        test_data=data if validation_data is None else validation_data,
        batch_size=settings.batch_size,
        seed=seed,
        evaluations=evaluations,
        checkpoint_path=checkpoint_path,
        checkpoint_seconds=checkpoint_seconds,
        resume=resume,
        log=log,
        show_progress=show_progress,
        label=f"training {settings.model}",
    )
    collapse = collapse_of(history)
    if collapse is not None:
        warnings.warn(f"{settings.model}: {collapse}", CollapseWarning, stacklevel=2)
    trained = TrainedGenerator(
        settings,
        networks,
        "uint8" if data.images.dtype == np.uint8 else "float32",
        data.class_names,
        counts,
        Parent.of(data),
        seed,
        history,
        collapse,
    )
    if out is not None:
        trained.save(out)
    return trained


def class_counts(data: Dataset) -> tuple[int, ...]:
    """The number of samples of each class; ValueError for data that cannot train a generator."""
    if data.labels is None:
        raise ValueError(f"{data.name} has no labels, which a generator needs: it draws by class")
    labels = np.asarray(data.labels)
    if labels.min() < 0:
        row = int(np.argmin(labels))
        raise ValueError(f"{data.name}: row {row} has no label; leave out rows without labels")
    counts = np.bincount(labels, minlength=data.n_classes)
    for number, count in enumerate(counts):
        if count == 1:
            name = "" if data.class_names is None else f" ({data.class_names[number]})"
            raise ValueError(
                f"{data.name}: class {number}{name} has a single sample; a generator needs at "
                "least two of each class that it draws"
            )
    return tuple(int(count) for count in counts)


def collapse_of(history: History) -> str | None:
    """A sentence if the last evaluation shows that the generator collapsed, else None."""
    if not history.curve:
        return None
    point = history.curve[-1]
    diversity = point.scores.get("diversity", 1.0)
    if diversity < LEAST_DIVERSITY:
        return (
            f"generated images of one class hardly differ at step {point.step}: their deviation is "
            f"{diversity:.3f} of the data's, the limit is {LEAST_DIVERSITY}"
        )
    return _won_discriminator(point.scores, point.step)


def _won_discriminator(scores: Mapping[str, float], step: int) -> str | None:
    # Of a Wasserstein loss, 0 is not the end of learning; it is negative in general.
    loss = scores.get("discriminator_loss", 1.0)
    if 0 <= loss < LEAST_DISCRIMINATOR_LOSS:
        return (
            f"the discriminator is never wrong at step {step}: its loss is {loss:.4f}, the limit "
            f"is {LEAST_DISCRIMINATOR_LOSS}; the generator no longer learns"
        )
    return None


def balanced_labels(n_images: int, classes: Sequence[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Labels (n_images,) that take turns through `classes`."""
    if n_images < 1:
        raise ValueError(f"the number of images must be at least 1, got {n_images}")
    return np.asarray(classes, np.int64)[np.arange(n_images) % len(classes)]
