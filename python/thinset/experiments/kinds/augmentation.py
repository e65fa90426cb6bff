"""Classifiers trained with artificial images, by size of the training data.

Every size has a folder of its own in that of the experiment, with the trainings of a grid as the
kind `trainings` has them, the generators, and the measures of what they draw.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from thinset.experiments.augmentation_settings import AugmentationSettings
from thinset.experiments.cells import cells_of
from thinset.experiments.finished import Finished
from thinset.experiments.next_steps import on_real_data
from thinset.experiments.run_folder import finished_records, read_left_out, read_stages
from thinset.experiments.shown_generators import stored_extractor, stored_generator
from thinset.experiments.shown_settings import shown_settings
from thinset.report import (
    JUDGED,
    AugmentationInputs,
    SizeResults,
    write_augmentation_report,
)
from thinset.results.measures import FILE, load_measures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from thinset.data import Dataset
    from thinset.experiments.figures.recipe import FigureRecipe
    from thinset.experiments.where import Where
    from thinset.report import ShownGenerator

Settings = AugmentationSettings


def make(
    recipe: FigureRecipe,
    settings: AugmentationSettings,
    where: Where,
    note: Callable[[str], None],
) -> Path:
    """Train and measure what is missing at every size, and write the page; returns its path.

    A later call may add sizes, arms, seeds, lengths and augmentations in the same folder.
    """
    from thinset.experiments.learning_curve import LearningCurve

    curve = LearningCurve(where, settings, figure=recipe.name)
    for share in sorted(settings.shares):
        note(f"{recipe.name}: {share:.3g} of the training data")
        curve.train(share, note)
    for share in sorted(settings.shares):
        curve.measure(share, note)
        curve.show(share, note)
    return write_page(recipe, Finished.read(where.out, AugmentationSettings))


def folder_of(out: Path, share: float) -> Path:
    """The folder of one size."""
    return out / f"share-{share:.15g}"


def _shown(folder: Path, settings: AugmentationSettings, share: float) -> Iterator[ShownGenerator]:
    """The generators that grids show at one size, with the features that FID is of."""
    for name in settings.shown:
        found = stored_generator(folder, name, settings.shown_seed)
        if found is not None and found.extractor is None and not JUDGED.isdisjoint(found.scores):
            # By an earlier version, whose classifier was trained on the same data as the generator.
            own = stored_extractor(folder) or f"classifier trained on {100 * share:g} % of the data"
            found = dataclasses.replace(found, extractor=own)
        if found is not None:
            yield found


def _absent_classes(data: Dataset) -> tuple[str, ...]:
    """Numbers and names of the classes without training samples."""
    if data.labels is None:
        return ()
    counts = np.bincount(data.labels[data.labels >= 0], minlength=data.n_classes)
    return tuple(
        str(number) if data.class_names is None else f"{number} ({data.class_names[number]})"
        for number in np.flatnonzero(counts == 0).tolist()
    )


def write_page(recipe: FigureRecipe, finished: Finished[AugmentationSettings]) -> Path:
    """Write the page of what is finished; FileNotFoundError if nothing is."""
    settings = finished.settings
    extractor = stored_extractor(folder_of(finished.path, max(settings.shares)))
    sizes = []
    for share in sorted(settings.shares):
        folder = folder_of(finished.path, share)
        names = [cell.name for cell in cells_of(settings.at(share))] if settings.arms else []
        reasons = read_left_out(folder)
        sizes.append(
            SizeResults(
                share=share,
                records=tuple(finished_records(folder, names).values()),
                measures=tuple(
                    one
                    for one in load_measures(folder / FILE)
                    if (one.augmentation, one.seed) in settings.measurements
                    # Those by a classifier of another size cannot be compared.
                    and one.extractor == extractor
                ),
                shown=tuple(_shown(folder, settings, share)),
                stage_seconds=read_stages(folder),
                left_out={
                    name: reasons[name]
                    for name in (*names, *settings.image_stages)
                    if name in reasons
                },
            )
        )
    inputs = AugmentationInputs(
        title=recipe.title,
        subject=finished.subject,
        sizes=tuple(
            size for size in sizes if size.records or size.measures or size.shown or size.left_out
        ),
        arms=settings.arms,
        baselines=settings.baselines,
        n_generators=settings.generation.n_seeds,
        absent_classes=_absent_classes(finished.data),
        command=finished.command,
        settings=shown_settings(settings, finished.data.image_shape, settings.arms),
        source=recipe.paper,
        next_step=on_real_data(finished),
        published=tuple(
            table for table in recipe.tables if table.channels == finished.data.image_shape[2]
        ),
    )
    return write_augmentation_report(inputs, finished.report, overwrite=True)
