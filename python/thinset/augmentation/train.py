"""Trains a generator of labelled images."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.augmentation.generators import ADVERSARIAL, generator_named
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.data.provenance import Parent
from thinset.duration import Duration
from thinset.seeds import require_seed
from thinset.training.arguments import require_whole
from thinset.training.loop.train import train
from thinset.training.phases import Phase
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import torch

    from thinset.data import Dataset
    from thinset.training.learners.generative import Observer
    from thinset.training.learners.image_term import WeightedTerm
    from thinset.training.loop.history import History
    from thinset.training.loop.metrics_log import Log

LEAST_DIVERSITY = 0.05
"""Below this share of the data's within-class deviation, a generator counts as collapsed"""
LEAST_DISCRIMINATOR_LOSS = 0.01
"""Below this, a discriminator tells all images apart and teaches the generator nothing"""
MOST_IMAGES = 100_000_000
"""That are drawn at once: more are mistakes, and their labels alone would take gigabytes"""
_ROWS_PER_CHECK = 4096
_NAMES = ("length", "n_discriminator")


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
    precision: str = "float32",
    evaluations: int = 10,
    observe: Observer | None = None,
    term: WeightedTerm | None = None,
    log: Log | None = None,
    checkpoint_path: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    show_progress: bool = False,
) -> TrainedGenerator:
    """Train a generator of the images of `data` given their labels.

    `settings`: the Settings of one of thinset.augmentation.generators; they name the generator.
    `length`: the paper trains for 500 epochs. `validation_data`: labelled images of the same shape
    that scores compare with (a VAE's lower bound, and the diversity of all); by default `data`.
    `observe`: called with the generator at each of the `evaluations`; see
    thinset.training.learners.generative. `term`: an addition to the losses of an adversarial
    generator; see AdversarialLearner. `precision`: see `fit`; where a processor has instructions
    for bfloat16, sngan trains nearly twice as fast in it, but the small networks of the others are
    slower, on a GPU as well. Checkpoints, `log`: see thinset.training.train. With `out`, writes the
    file that TrainedGenerator.load reads.

    Warns with CollapseWarning, and says so in the result, if the generator collapsed: generated
    images of one class that hardly differ, or a discriminator that is never wrong.

    Raises ValueError for a negative seed, data without labels, a class with a single sample, float
    images outside [0, 1], sides that the generator cannot have, validation data that do not fit, a
    length in which the generator is never updated (for one in time, after it), and
    (TrainingDivergedError) for a loss that is not finite; the last checkpoint is kept then.
    FileExistsError, before training, if `out` exists.
    """
    if out is not None and Path(out).exists():
        raise FileExistsError(f"{out} already exists; choose another output")
    require_seed("seed", seed)
    length = Duration.parse(length)
    counts = require_trainable(data, settings, length=length)
    if validation_data is not None:
        _require_comparable(validation_data, data)
    module = generator_named(settings.model)
    if term is not None and settings.model not in ADVERSARIAL:
        raise ValueError(f"term does not apply to {settings.model}, which is not adversarial")
    networks = module.networks(
        settings, data.image_shape, data.n_classes, generator_for(seed, "generator weights")
    )
    learner = module.learner(
        networks,
        settings,
        seed=seed,
        device=device,
        precision=precision,
        observe=observe,
        **({} if term is None else {"term": term}),
    )
    history = train(
        learner,
        [Phase(settings.model, data, length)],
        learning_rate=getattr(settings, "rate", settings.learning_rate),
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
    _require_updated(settings, length, history.steps, _NAMES)
    # A Wasserstein loss may be near 0 at any time.
    loss_is_bounded = getattr(settings, "loss", None) != "wasserstein"
    collapse = collapse_of(history, loss_is_bounded=loss_is_bounded)
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
    if collapse is not None:
        # Last: where warnings are errors, the generator is kept all the same.
        warnings.warn(f"{settings.model}: {collapse}", CollapseWarning, stacklevel=2)
    return trained


def require_trainable(
    data: Dataset, *settings: Any, length: Duration, names: tuple[str, str] = _NAMES
) -> tuple[int, ...]:
    """The number of samples of each class; ValueError for data that cannot train a generator.

    `settings`: of each generator that is to be trained, for `length`. `names`: those of the length
    and of n_discriminator in errors.
    """
    for one in settings:
        generator_named(one.model).require_image_shape(one, data.image_shape)
        if not length.is_time:
            n_steps = length.n_steps(len(data), one.batch_size)
            _require_updated(one, length, n_steps, names)
    counts = class_counts(data)
    require_unit_range(data)
    return counts


def _require_updated(settings: Any, length: Duration, n_steps: int, names: tuple[str, str]) -> None:
    """Raise ValueError unless one of `n_steps` steps trains the generator."""
    n_discriminator = getattr(settings, "n_discriminator", 1)
    if n_steps < n_discriminator:
        raise ValueError(
            f"{names[0]} {length} is {n_steps} steps, too few to train the generator of "
            f"{settings.model} once: with {names[1]} {n_discriminator} it takes {n_discriminator}; "
            "give a longer length or fewer steps of the discriminator"
        )


def class_counts(data: Dataset) -> tuple[int, ...]:
    """The number of samples of each class; ValueError if images cannot be drawn by class."""
    if data.labels is None:
        raise ValueError(f"{data.name} has no labels, which a generator needs: it draws by class")
    labels = np.asarray(data.labels)
    if labels.min() < 0:
        row = int(np.argmin(labels))
        raise ValueError(f"{data.name}: row {row} has no label; leave out rows without labels")
    if labels.max() >= data.n_classes:
        row = int(np.argmax(labels))
        raise ValueError(
            f"{data.name}: the label of row {row} must be from 0 to {data.n_classes - 1}, the "
            f"classes of the data; got {labels[row]}"
        )
    counts = np.bincount(labels, minlength=data.n_classes)
    for number, count in enumerate(counts):
        if count == 1:
            name = "" if data.class_names is None else f" ({data.class_names[number]})"
            raise ValueError(
                f"{data.name}: class {number}{name} has a single sample; a generator needs at "
                "least two of each class that it draws"
            )
    return tuple(int(count) for count in counts)


def trained_classes(data: Dataset) -> tuple[int, ...]:
    """The classes that a generator learns from `data`: those with samples; see class_counts."""
    return tuple(number for number, count in enumerate(class_counts(data)) if count > 0)


def require_unit_range(data: Dataset) -> None:
    """Raise ValueError, naming the row, unless float images are in [0, 1]."""
    if data.images.dtype == np.uint8:
        return
    for start in range(0, len(data), _ROWS_PER_CHECK):
        images = data.images[start : start + _ROWS_PER_CHECK]
        # In this form, NaN is found as well.
        wrong = ~((images >= 0) & (images <= 1)).all(axis=(1, 2, 3))
        if wrong.any():
            row = int(np.argmax(wrong))
            found = images[row][~((images[row] >= 0) & (images[row] <= 1))][0]
            raise ValueError(
                f"{data.name}: float images must be in [0, 1], row {start + row} holds {found}"
            )


def _require_comparable(validation_data: Dataset, data: Dataset) -> None:
    name = validation_data.name
    if validation_data.image_shape != data.image_shape:
        raise ValueError(
            f"images of {name} must have the shape of the training data {data.image_shape}, got "
            f"{validation_data.image_shape}"
        )
    if validation_data.labels is None:
        raise ValueError(f"{name} has no labels, which the scores of a generator need")
    labels = np.asarray(validation_data.labels)
    wrong = (labels < 0) | (labels >= data.n_classes)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{name}: the label of row {row} must be from 0 to {data.n_classes - 1}, as in the "
            f"training data; got {labels[row]}"
        )
    require_unit_range(validation_data)


def collapse_of(history: History, *, loss_is_bounded: bool = True) -> str | None:
    """A sentence if the last evaluation shows that the generator collapsed, else None.

    `loss_is_bounded`: whether a discriminator whose loss is 0 is never wrong.
    """
    if not history.curve:
        return None
    point = history.curve[-1]
    diversity = point.scores.get("diversity", 1.0)
    if diversity < LEAST_DIVERSITY:
        return (
            f"generated images of one class hardly differ at step {point.step}: their deviation is "
            f"{diversity:.3f} of the data's, the limit is {LEAST_DIVERSITY}"
        )
    loss = point.scores.get("discriminator_loss", 1.0)
    if loss_is_bounded and loss < LEAST_DISCRIMINATOR_LOSS:
        return (
            f"the discriminator is never wrong at step {point.step}: its loss is {loss:.4f}, the "
            f"limit is {LEAST_DISCRIMINATOR_LOSS}; the generator no longer learns"
        )
    return None


def balanced_labels(n_images: int, classes: Sequence[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Labels (n_images,) that take turns through `classes`.

    Raises ValueError for no class, classes that are not whole numbers, and a number of images that
    is not from 1 to MOST_IMAGES.
    """
    if len(classes) == 0:
        raise ValueError("classes must name at least one class, got none")
    for number in classes:
        require_whole("classes", number)
    require_n_images(n_images)
    return np.asarray(classes, np.int64)[np.arange(n_images) % len(classes)]


def require_n_images(n_images: object) -> None:
    """Raise ValueError unless so many images can be drawn: a whole number, 1 to MOST_IMAGES."""
    require_whole("n_images", n_images, least=1)
    if n_images > MOST_IMAGES:  # type: ignore[operator]
        raise ValueError(f"n_images must be at most {MOST_IMAGES:,}, got {n_images}")
