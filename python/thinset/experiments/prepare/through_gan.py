"""Distils through a generator: trains it with a term, draws from it, or searches its latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from thinset.augmentation.generate import generate
from thinset.data.provenance import DistilledBy
from thinset.distillation.through_gan.latent_search import latent_search
from thinset.distillation.through_gan.latent_start import require_searchable
from thinset.experiments.checkpoints import divergence_named
from thinset.files.decoding import encode
from thinset.report.document import draws_plots

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from thinset.augmentation.trained_generator import TrainedGenerator
    from thinset.data import Dataset
    from thinset.distillation.initial_images import Initial
    from thinset.distillation.through_gan.latent_search import Observer
    from thinset.distillation.through_gan.settings import LatentSettings, TermSettings
    from thinset.training import Log


def draw_distilled(
    model: TrainedGenerator,
    path: Path,
    *,
    settings: TermSettings,
    images_per_class: int,
    seed: int,
    device: str,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Dataset:
    """Draw from a generator that was trained with a term, as many images of each class.

    The classes take turns. The manifest says that the images are distilled, and how.
    """
    params = {
        "settings": encode(settings),
        "generator": encode(model.settings),
        "steps": model.history.steps,
        "generator_seed": model.seed,
    }
    return generate(
        model,
        path,
        images_per_class * len(model.classes),
        seed=seed,
        device=device,
        provenance=DistilledBy(
            by=settings.method,
            parent=model.parent,
            model=model.fingerprint,
            seed=seed,
            params=params,
        ),
        overwrite=overwrite,
        show_progress=show_progress,
    )


def require_search(
    model: TrainedGenerator,
    data: Dataset,
    *,
    settings: LatentSettings,
    images_per_class: int,
    starts_from_real: bool,
) -> None:
    """Raise ValueError unless `model` can be searched for images of `data`, in little time."""
    require_searchable(
        model.generator,
        data,
        settings,
        images_per_class=images_per_class,
        starts_from_real=starts_from_real,
    )
    names = (data.class_names, model.class_names)
    if None not in names and names[0] != names[1]:
        raise ValueError(
            f"{data.name} must have the classes of the generator, {names[1]}; got {names[0]}"
        )
    assert data.labels is not None
    model.require_trained_on(data.labels)


def search_latents(
    model: TrainedGenerator,
    data: Dataset,
    path: Path,
    *,
    settings: LatentSettings,
    images_per_class: int,
    init: str = "noise",
    rows: np.ndarray[Any, Any] | None = None,
    checkpoint: Path,
    observe: Observer | None = None,
    seed: int,
    device: str,
    evaluations: int = 10,
    log: Log | None = None,
    show_progress: bool,
) -> Dataset:
    """Search latents of `model` and write the dataset folder `path`, resuming from `checkpoint`.

    `init`: "noise", "real", or what selected the `rows` to start from. `observe` is not called
    without matplotlib. The checkpoint stays, if there was a step; after a divergence, it holds the
    last good state.
    """
    require_search(
        model,
        data,
        settings=settings,
        images_per_class=images_per_class,
        starts_from_real=init != "noise",
    )
    with divergence_named(settings.method, checkpoint):
        return latent_search(
            model.generator,
            data,
            path,
            settings=settings,
            images_per_class=images_per_class,
            init=cast("Initial", init) if rows is None else "rows",
            initial_rows=rows,
            chosen_by=init,
            model=model.fingerprint,
            seed=seed,
            device=device,
            evaluations=evaluations,
            observe=observe if draws_plots() else None,
            log=log,
            checkpoint_path=checkpoint,
            resume=True,
            show_progress=show_progress,
        )
