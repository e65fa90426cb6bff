"""Distils a dataset: rows to start from, grids of the images while they are learned, the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from thinset.distillation.distill import distill
from thinset.distillation.networks import statistics_of
from thinset.experiments.checkpoints import divergence_named
from thinset.experiments.prepare.embeddings import prepare_embeddings
from thinset.files.atomic import atomic_file
from thinset.report.document import draws_plots
from thinset.selection import Selection, select
from thinset.training.loop.metrics_log import read_log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from thinset.data import Dataset
    from thinset.distillation.distill import Observer
    from thinset.distillation.initial_images import Initial
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.distillation.through_gan.latent_search import LatentImages
    from thinset.duration import Duration
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import EncoderSettings
    from thinset.training import Log
    from thinset.training.loop.settings import Keep

_CURVES = {
    "train_loss": "loss",
    "validation_accuracy": "accuracy on\nheld-out data",
    "distance": "distance from\nreal images",
    "norm": "length of\nlatents",
}


def initial_rows(
    data: Dataset,
    n_images: int,
    method: str,
    folder: RunFolder,
    encoder: EncoderSettings,
    *,
    seed: int,
    device: str,
    show_progress: bool,
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Rows of `data` to start `n_images` from, selected by `method` in each class, once.

    The classes share them equally; the first get one more where there is a rest. `encoder`: where
    the embeddings come from. Rows of a class come in the order of the selection.
    """
    statistics_of(data)  # names the image that is not finite, which embeddings do not
    embeddings = prepare_embeddings(
        data,
        folder,
        encoder.resolved_for(data.image_shape),
        device=device,
        show_progress=show_progress,
    )
    name = f"initial-{method}-{n_images}-seed{seed}"
    path, stage = folder.selection(name), f"selection ({name})"
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            select(
                embeddings,
                n_images,
                method,
                labels=data.labels,
                per_class="balanced",
                random_state=seed,
            ).save(partial)
    return Selection.load(path).indices


class DistilledGrids:
    """Draws the images at each evaluation, beside the course of their training.

    Files are `folder`/0000100.png, ..., named by the step. `log`: the file of JsonLines from which
    the course is read, so that it is whole after an interruption.
    """

    def __init__(self, folder: Path, log: Path, class_names: Sequence[str] | None) -> None:
        self._folder = folder
        self._log = log
        self._class_names = class_names

    def __call__(self, synthetic: SyntheticSet | LatentImages, step: int) -> None:
        """Draw the images as they are; see the type Observer of what distils."""
        from thinset.report.plots import Curve, distilled_images, rendered

        with torch.no_grad():
            images = synthetic.pixels().float().permute(0, 2, 3, 1).cpu().numpy()
        n_steps = synthetic.n_steps
        steps = np.arange(len(images)) // (len(images) // n_steps) if n_steps > 1 else None
        points = read_log(self._log)
        curves = [
            Curve(
                name,
                [point["step"] for point in points if key in point],
                [point[key] for point in points if key in point],
            )
            for key, name in _CURVES.items()
            if any(key in point for point in points)
        ]
        figure = distilled_images(
            images,
            synthetic.labels.cpu().numpy(),
            class_names=self._class_names,
            steps=steps,
            curves=curves,
        )
        with atomic_file(self._folder / f"{step:07d}.png") as partial:
            partial.write_bytes(rendered(figure, "png"))


def distill_and_keep(
    data: Dataset,
    path: Path,
    *,
    settings: Any,
    images_per_class: int | None,
    n_images: int | None,
    init: str,
    rows: np.ndarray[Any, Any] | None,
    length: Duration | None,
    validation: Dataset | None,
    checkpoint: Path,
    observe: Observer | None,
    seed: int,
    device: str,
    precision: str = "float32",
    keep: Keep = "last",
    evaluations: int = 10,
    log: Log | None = None,
    show_progress: bool,
) -> Dataset:
    """Distil as `distill` does and write the dataset folder `path`, resuming from `checkpoint`.

    `init`: "noise", "real", or what selected the `rows` to start from. `observe` is not called
    without matplotlib. The checkpoint stays; after a divergence, it holds
    the last good state.
    """
    with divergence_named(settings.method, checkpoint):
        return distill(
            data,
            path,
            settings=settings,
            images_per_class=images_per_class,
            n_images=n_images,
            init=cast("Initial", init) if rows is None else "rows",
            initial_rows=rows,
            chosen_by=init,
            length=length,
            validation_data=validation,
            keep=keep,
            seed=seed,
            device=device,
            precision=precision,
            evaluations=evaluations,
            observe=observe if draws_plots() else None,
            log=log,
            checkpoint_path=checkpoint,
            resume=True,
            show_progress=show_progress,
        )
