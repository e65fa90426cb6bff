"""Images reconstructed by an autoencoder; no classifier is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.settings import DataSettings
from thinset.files.decoding import encode
from thinset.report import StudyInputs, write_study_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from thinset.experiments.finished import Finished
    from thinset.experiments.where import Where

Settings = DataSettings


def make(
    name: str,
    settings: DataSettings,
    where: Where,
    note: Callable[[str], None] | None = None,  # noqa: ARG001 - as every kind's
) -> Path:
    """Train the autoencoder, and write the page; returns its path."""
    from thinset.experiments.finished import Finished
    from thinset.experiments.workbench import Workbench

    bench = Workbench(where, settings, fixed=(), figure=name)
    bench.store_shown()
    return write_page(Finished.read(where.out))


def write_page(finished: Finished[DataSettings]) -> Path:
    """Write the page of reconstructed images; returns its path."""
    recipe = recipe_of(finished.figure)
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
    )
    return write_study_report(inputs, finished.report, overwrite=True)
