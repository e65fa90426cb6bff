"""Searches the latents of a trained generator for a small training set; see latent.md."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from thinset.data.matching_splits import require_known_range
from thinset.data.provenance import DistilledBy, Parent
from thinset.data.store import open_dataset
from thinset.data.writer import DatasetWriter
from thinset.distillation.through_gan.evaluation_networks import EvaluationNetworks
from thinset.distillation.through_gan.latent_learner import LatentLearner
from thinset.distillation.through_gan.latent_start import require_searchable, starting_latents
from thinset.duration import Duration
from thinset.files.decoding import encode
from thinset.files.overlap import require_apart
from thinset.training.loop.history import History
from thinset.training.loop.train import train
from thinset.training.phases import Phase
from thinset.training.precision import resolve_device
from thinset.training.samplers.orders import ClassBalanced
from thinset.transforms.images import as_rows

if TYPE_CHECKING:
    import os

    from thinset.data import Dataset
    from thinset.distillation.initial_images import Initial
    from thinset.distillation.through_gan.settings import LatentSettings
    from thinset.models.generators import ImageGenerator
    from thinset.training.loop.metrics_log import Log

LATENTS = "latents"
"""The role of the array of latents in the dataset folder"""


class LatentImages:
    """The images of a search as an observer looks at them.

    labels: (M,) int64, the class of each.
    """

    n_steps = 1  # they are trained on in no order

    def __init__(self, learner: LatentLearner) -> None:
        self._learner = learner
        self.labels = learner.labels

    def pixels(self) -> torch.Tensor:
        """All images, (M, C, H, W) in [0, 1]."""
        return torch.cat(list(self._learner.images()))


Observer: TypeAlias = Callable[[LatentImages, int], None]
"""Looks at the images at each evaluation, after so many steps"""


def latent_search(
    generator: ImageGenerator,
    data: Dataset,
    out: str | os.PathLike[str],
    *,
    settings: LatentSettings,
    images_per_class: int,
    init: Initial = "noise",
    initial_rows: np.ndarray[Any, Any] | None = None,
    chosen_by: str | None = None,
    model: str | None = None,
    seed: int = 0,
    device: torch.device | str = "auto",
    evaluations: int = 10,
    observe: Observer | None = None,
    log: Log | None = None,
    checkpoint_path: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Dataset:
    """Search latents of `generator` and write their images as the dataset folder `out`.

    `data`: the real images that the search compares with. `init`, `initial_rows`: see
    starting_latents; rows that are given are used. `chosen_by`: what chose them, for the manifest.
    `model`: SHA-256 that identifies the generator, for the manifest. `observe`: called with the
    images at each of the `evaluations`, after `log`. Everything else: see thinset.training.train.

    The images have the dtype of `data`, and `out` holds the latents (M, d) float32 as the array
    "latents". Its provenance holds all settings and the "trajectory": the mean length of the
    latents, "norm", at the start (step 0) and at each evaluation, with the mean "loss" of the steps
    since the last, or the "distance" of an encoding. A `length` of 0st writes the images of the
    starting latents.

    Raises ValueError for a generator of other images or classes than `data`, or with latents that
    are no vectors, for a network R that does not fit, and (TrainingDivergedError) for a loss that
    is not finite, and the last checkpoint is kept then; FileExistsError, before the search, if
    `out` exists.
    """
    if Path(out).exists() and not overwrite:
        raise FileExistsError(f"{out} already exists; choose another output")
    require_apart(out, data.path)
    require_known_range(data)
    init = "rows" if initial_rows is not None else init
    require_searchable(
        generator,
        data,
        settings,
        images_per_class=images_per_class,
        starts_from_real=init != "noise",
    )
    if init == "noise" and settings.n_encoding > 0:
        raise ValueError(
            f"encoding needs real images to start from, got {settings.encoding!r} and random "
            "latents"
        )
    networks = EvaluationNetworks(settings, data, seed=seed)
    placed = copy.deepcopy(generator).to(resolve_device(device)).eval()
    latents, labels, targets = starting_latents(
        placed,
        data,
        settings,
        images_per_class=images_per_class,
        init=init,
        rows=initial_rows,
        seed=seed,
        device=device,
    )
    learner = LatentLearner(
        placed, latents, labels, networks, settings, targets=targets, device=device
    )
    start = learner.norm

    def report(figures: dict[str, float], step: int) -> None:
        if log is not None:
            log(figures, step)
        if observe is not None:
            observe(LatentImages(learner), step)

    history = History()
    phases = _phases(data, settings, len(labels))
    if phases:
        history = train(
            learner,
            phases,
            learning_rate=settings.learning_rate,
            test_data=data,
            batch_size=len(labels),
            seed=seed,
            evaluations=evaluations,
            checkpoint_path=checkpoint_path,
            checkpoint_seconds=checkpoint_seconds,
            resume=resume,
            log=lambda figures, step: report(_as_logged(figures), step),
            show_progress=show_progress,
            label="searching latents",
        )
    else:
        report({"norm": start}, 0)
    trajectory = [
        {"step": 0, "norm": start},
        *({"step": point.step, **point.scores} for point in history.curve),
    ]
    kind = networks.kind
    params = {
        "settings": encode(settings),
        "init": chosen_by or init,
        "mean": list(kind.mean),
        "deviation": list(kind.deviation),
        "trajectory": trajectory,
    }
    provenance = DistilledBy(
        by=settings.method, parent=Parent.of(data), model=model, seed=seed, params=params
    )
    _write(learner, data, out, provenance, overwrite=overwrite)
    return open_dataset(out)


def _phases(data: Dataset, settings: LatentSettings, n_latents: int) -> list[Phase]:
    """The encoding and the search, those that have steps; a pass of the order is a step."""
    lengths = {
        "encoding": Duration.parse(settings.encoding),
        "search": Duration.parse(settings.length),
    }
    return [
        Phase(name, data, length, order=ClassBalanced(n_samples=n_latents))
        for name, length in lengths.items()
        if length.amount > 0
    ]


def _as_logged(figures: dict[str, float]) -> dict[str, float]:
    """The figures of an evaluation: scores do not depend on the data that they are computed with.

    The loss of the loop would mix those of the encoding and of the search.
    """
    named = {name.removeprefix("test_"): value for name, value in figures.items()}
    losses = {"train_loss": named.pop("loss")} if "loss" in named else {}
    named.pop("train_loss", None)
    return {**losses, **named}


def _write(
    learner: LatentLearner,
    data: Dataset,
    out: str | os.PathLike[str],
    provenance: DistilledBy,
    *,
    overwrite: bool,
) -> None:
    dtype = data.images.dtype.name
    labels = learner.labels.cpu().numpy().astype(np.int64)
    n_written = 0
    with DatasetWriter(
        out,
        name=f"{data.name} distilled by {provenance.by}",
        image_shape=data.image_shape,
        image_dtype=dtype,
        n_samples=len(labels),
        class_names=data.class_names,
        provenance=provenance,
        overwrite=overwrite,
    ) as writer:
        for images in learner.images():
            writer.append(as_rows(images, dtype), labels[n_written : n_written + len(images)])
            n_written += len(images)
        writer.add(LATENTS, learner.latents.detach().float().cpu().numpy())
