"""Learns a small dataset from a large one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.data.provenance import DistilledBy, Parent
from thinset.data.store import open_dataset
from thinset.distillation.initial_images import initial_images
from thinset.distillation.methods import method_named
from thinset.distillation.networks import NetworkKind
from thinset.distillation.synthetic_set import SyntheticSet
from thinset.duration import Duration
from thinset.files.decoding import encode
from thinset.models.classifiers.standardised import channel_statistics
from thinset.training.loop.train import train
from thinset.training.phases import Phase
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    import os

    import numpy as np
    import torch

    from thinset.data import Dataset
    from thinset.distillation.initial_images import Initial
    from thinset.training.loop.metrics_log import Log


def distill(
    data: Dataset,
    out: str | os.PathLike[str],
    *,
    settings: Any,
    images_per_class: int | None = 1,
    n_images: int | None = None,
    init: Initial = "noise",
    initial_rows: np.ndarray[Any, Any] | None = None,
    length: Duration | str | None = None,
    validation_data: Dataset | None = None,
    seed: int = 0,
    device: torch.device | str = "auto",
    precision: str = "float32",
    evaluations: int = 10,
    log: Log | None = None,
    checkpoint_path: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Dataset:
    """Distil `data` into the dataset folder `out`.

    `settings`: the Settings of one of thinset.distillation.methods; they name the method. How many
    images: `images_per_class`, or with learned labels `n_images` in all instead, which may be fewer
    than there are classes. `init`, `initial_rows`: see initial_images. `length`: of the training of
    the images; by default that of the settings. `validation_data`: what scores compare with, by
    default nothing. Everything else: see thinset.training.train.

    The images and the learned labels and step sizes are float32. The manifest holds the step sizes
    in order, as the schedule, and all settings. Distilled images may have values outside [0, 1].

    Raises ValueError for data without labels, a class without samples, more images of a class than
    there are real ones to start from, and settings that do not fit together;
    (TrainingDivergedError) for a loss that is not finite or step sizes that run away, and the last
    checkpoint is kept then; FileExistsError, before training, if `out` exists.
    """
    if Path(out).exists() and not overwrite:
        raise FileExistsError(f"{out} already exists; choose another output")
    module = method_named(settings.method)
    mean, deviation = channel_statistics(data.images)
    images, labels = initial_images(
        data,
        init,
        images_per_class=images_per_class,
        n_images=n_images,
        rows=initial_rows,
        mean=mean,
        deviation=deviation,
        generator=generator_for(seed, "initial images"),
        may_miss_classes=settings.learns_labels,
    )
    synthetic = SyntheticSet(
        images,
        labels,
        n_classes=data.n_classes,
        mean=mean,
        deviation=deviation,
        learns_labels=settings.learns_labels,
        n_steps=settings.n_steps or images_per_class or 1,
        n_epochs=settings.n_epochs,
        step_size=settings.step_size,
    )
    networks = NetworkKind(
        settings.network, settings.width, data.image_shape, data.n_classes, mean, deviation
    )
    learner = module.learner(
        synthetic, networks, settings, seed=seed, device=device, precision=precision
    )
    train(
        learner,
        [
            Phase(
                settings.method,
                data,
                Duration.parse(settings.length if length is None else length),
                order=module.order(settings, data),
            )
        ],
        learning_rate=settings.learning_rate,
        validation_data=validation_data,
        batch_size=settings.batch_size,
        seed=seed,
        evaluations=evaluations,
        checkpoint_path=checkpoint_path,
        checkpoint_seconds=checkpoint_seconds,
        resume=resume,
        log=log,
        show_progress=show_progress,
        label=f"distilling by {settings.method}",
    )
    synthetic.write(
        out,
        name=f"{data.name} distilled by {settings.method}",
        class_names=data.class_names,
        provenance=DistilledBy(
            by=settings.method,
            parent=Parent.of(data),
            seed=seed,
            params={
                "settings": encode(settings),
                "init": init,
                "mean": list(mean),
                "deviation": list(deviation),
            },
        ),
        overwrite=overwrite,
    )
    return open_dataset(out)
