"""The published figures, each by one call; and the comparison of methods on anybody's data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.experiments.figures.registry import COMPARISON, FigureRecipe, figures, settings_of
from thinset.experiments.finished import store_shown
from thinset.experiments.pages import write_figure_page
from thinset.experiments.prepare.preparation import (
    embedding_facts,
    prepare_data,
    prepare_embeddings,
    reproductions,
)
from thinset.experiments.ranking.ranking import Search
from thinset.experiments.run_folder import RunFolder
from thinset.experiments.settings import SearchSettings, StudySettings
from thinset.experiments.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.experiments.settings import DataSettings
    from thinset.experiments.workbench import Where

__all__ = ["COMPARISON", "FigureRecipe", "figures", "make_figure", "settings_of"]


def make_figure(
    name: str,
    settings: DataSettings,
    where: Where,
    note: Callable[[str], None] | None = None,
) -> Path:
    """Make what is missing of figure `name`, or of a comparison (COMPARISON), and its page.

    Returns the path of the page. `settings` are of the class that `settings_of` gives. Called again
    on the same folder, with more arms, seeds or other places of the grid too, it trains only what
    is missing; see Study and Search for what is refused. `note` is called for each training.
    """
    out = Path(where.out)
    if isinstance(settings, StudySettings):
        study = Study(where, settings, figure=name)
        study.train(note)
        return write_figure_page(out, name, study.data.train, settings, where.command)
    if isinstance(settings, SearchSettings):
        search = Search(where, settings, figure=name)
        search.train(note)
        return write_figure_page(out, name, search.data.train, settings, where.command)
    return _draw_reproductions(name, settings, where)


def _draw_reproductions(name: str, settings: DataSettings, where: Where) -> Path:
    """Train the autoencoder and write the page of what it makes of images."""
    folder = RunFolder(
        Path(where.out),
        {**where.identity, "settings": asdict(settings)},
        notes={"command": where.command, "figure": name},
    )
    data = prepare_data(
        where.source,
        folder,
        hold_out_share=settings.hold_out,
        image_size=where.image_size,
        show_progress=where.show_progress,
    )
    encoder = settings.resolved_for(data.train.image_shape).encoder
    embeddings = prepare_embeddings(
        data.train, folder, encoder, device=where.device, show_progress=where.show_progress
    )
    facts, shown = embedding_facts(embeddings), reproductions(folder, data.train, encoder)
    store_shown(folder.path, facts, shown)
    return write_figure_page(
        folder.path, name, data.train, settings, where.command, facts=facts, shown=shown
    )
