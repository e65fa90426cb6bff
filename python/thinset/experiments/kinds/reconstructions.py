"""Images reconstructed by an autoencoder; no classifier is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.experiments.finished import Finished
from thinset.experiments.next_steps import on_real_data
from thinset.experiments.settings import DataSettings
from thinset.files.decoding import encode
from thinset.report import StudyInputs, write_study_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from thinset.experiments.figures.recipe import FigureRecipe
    from thinset.experiments.where import Where

Settings = DataSettings


def make(
    recipe: FigureRecipe,
    settings: DataSettings,
    where: Where,
    note: Callable[[str], None] | None = None,  # noqa: ARG001 - as every kind's
) -> Path:
    """Train the autoencoder, and write the page; returns its path."""
    from thinset.experiments.workbench import Workbench

    bench = Workbench(where, settings, fixed=(), figure=recipe.name)
    bench.store_shown()
    return write_page(recipe, Finished.read(where.out, DataSettings))


def write_page(recipe: FigureRecipe, finished: Finished[DataSettings]) -> Path:
    """Write the page of reconstructed images; returns its path."""
    inputs = StudyInputs(
        title=recipe.title,
        subject=finished.subject,
        records=(),
        command=finished.command,
        settings=encode(finished.settings.resolved_for(finished.data.image_shape).encoder),
        stage_seconds=finished.stage_seconds,
        source=recipe.paper,
        reconstructions=finished.reconstructions,
        embedding_facts=finished.embedding_facts,
        next_step=on_real_data(finished),
    )
    return write_study_report(inputs, finished.report, overwrite=True)
