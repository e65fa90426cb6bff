"""The published figures, each by one call; and the comparison of methods on anybody's data."""

from __future__ import annotations

import importlib.resources
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from thinset.recipes.preparation import (
    embedding_facts,
    prepare_data,
    prepare_embeddings,
    reproductions,
)
from thinset.recipes.run_folder import RunFolder, read_settings
from thinset.recipes.schema import DataSettings, StudySettings, from_table, read_recipe
from thinset.recipes.study import Study
from thinset.report import PublishedFigure, StudyInputs, write_study_report

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from thinset.data import Dataset


@dataclass(frozen=True)
class FigureRecipe:
    """What a recipe's table `figure` says.

    title: what the figure shows. paper: where it stands; empty for this project's own. kind: what
    it is made from: "trainings" (a study) or "reproductions" (of an autoencoder). published: what
    the paper reports.
    """

    title: str
    paper: str
    kind: Literal["trainings", "reproductions"]
    published: tuple[PublishedFigure, ...] = field(default=())


COMPARISON = "compare"
_COMPARISON_PAGE = FigureRecipe("Which samples to train on", "", "trainings")


def figures() -> dict[str, FigureRecipe]:
    """Every figure that can be reproduced, by name."""
    recipes = sorted(
        resource.name.removesuffix(".toml")
        for resource in importlib.resources.files("thinset.recipes").iterdir()
        if resource.name.endswith(".toml")
    )
    tables = {name: read_recipe(name).get("figure") for name in recipes}
    return {
        name: from_table(FigureRecipe, table, f"{name}.figure")
        for name, table in tables.items()
        if table is not None
    }


@dataclass(frozen=True)
class Where:
    """Where data come from and results go to, and how it is run."""

    source: str
    out: str | os.PathLike[str]
    device: str = "auto"
    command: str = ""
    show_progress: bool = False


def train_figure(
    name: str,
    settings: StudySettings,
    where: Where,
    note: Callable[[str], None] | None = None,
) -> Path:
    """Train what is missing of the grid of figure `name`, or of a comparison (COMPARISON).

    Returns the path of the report page. Called again on the same folder, with more arms, seeds or
    other places of the grid too, it trains only what is missing; see Study for what is refused.
    """
    study = Study(
        where.source,
        where.out,
        settings,
        device=where.device,
        notes={"command": where.command, "figure": name},
        show_progress=where.show_progress,
    )
    study.train(note)
    return _write_page(name, study, where.command)


def draw_reproductions(name: str, settings: DataSettings, where: Where) -> Path:
    """Train the autoencoder and write the page of what it makes of images; returns its path."""
    folder = RunFolder(
        Path(where.out),
        {"source": where.source, "device": where.device, "settings": asdict(settings)},
        notes={"command": where.command, "figure": name},
    )
    data = prepare_data(
        where.source, folder, hold_out_share=settings.hold_out, show_progress=where.show_progress
    )
    encoder = settings.resolved_for(data.train.image_shape).encoder
    embeddings = prepare_embeddings(
        data.train,
        folder,
        encoder,
        seed=0,
        device=where.device,
        show_progress=where.show_progress,
    )
    figure = figures()[name]
    inputs = StudyInputs(
        title=figure.title,
        subject=_subject(data.train),
        records=(),
        command=where.command,
        settings=asdict(encoder),
        stage_seconds=folder.stage_seconds,
        source=figure.paper,
        reproductions=reproductions(folder, data.train, encoder),
        embedding_facts=embedding_facts(embeddings),
    )
    return write_study_report(inputs, folder.report, overwrite=True)


def rewrite_figure(out: str | os.PathLike[str]) -> Path:
    """Write the page of a figure or comparison again from its folder, training nothing.

    Raises ValueError where the folder holds none, FileNotFoundError where nothing is trained yet.
    """
    stored, notes = read_settings(Path(out))
    where = Where(stored["source"], out, stored["device"], notes["command"])
    if "grid" not in notes:
        settings = from_table(DataSettings, stored["settings"], "settings.json")
        return draw_reproductions(notes["figure"], settings, where)
    table = {**stored["settings"], **notes["grid"]}
    study = Study(
        where.source,
        out,
        from_table(StudySettings, table, "settings.json"),
        device=where.device,
        notes={"command": notes["command"], "figure": notes["figure"]},
    )
    if not study.records():
        raise FileNotFoundError(f"{out} holds no finished training; run it first")
    return _write_page(notes["figure"], study, where.command)


def _write_page(name: str, study: Study, command: str) -> Path:
    figure = _COMPARISON_PAGE if name == COMPARISON else figures()[name]
    inputs = StudyInputs(
        title=figure.title,
        subject=_subject(study.data.train),
        records=study.records(),
        command=command,
        settings=asdict(study.settings),
        stage_seconds=study.folder.stage_seconds,
        source=figure.paper,
        published=figure.published,
    )
    return write_study_report(inputs, study.folder.report, overwrite=True)


def _subject(data: Dataset) -> str:
    height, width, channels = data.image_shape
    return (
        f"{data.name}: {len(data):,} training samples, "
        f"{height} \N{MULTIPLICATION SIGN} {width} \N{MULTIPLICATION SIGN} {channels}"
    )
