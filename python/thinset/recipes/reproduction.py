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
from thinset.recipes.run_folder import RunFolder
from thinset.recipes.schema import EncoderStudySettings, StudySettings, from_table, read_recipe
from thinset.recipes.study import Study
from thinset.report import PublishedFigure, StudyInputs, load_records, write_study_report

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from thinset.data import Dataset
    from thinset.report import RunRecord


@dataclass(frozen=True)
class FigureRecipe:
    """What a recipe's table `figure` says.

    title: what the figure shows. paper: where it stands. kind: what it is made from: "trainings"
    (a study) or "reproductions" (of an autoencoder). published: what the paper reports.
    """

    title: str
    paper: str
    kind: Literal["trainings", "reproductions"]
    published: tuple[PublishedFigure, ...] = field(default=())


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
    """Where a study takes its data from and leaves its results, and how it is run."""

    source: str
    out: str | os.PathLike[str]
    device: str = "auto"
    command: str = ""
    show_progress: bool = False


def reproduce_trainings(
    figure: FigureRecipe,
    settings: StudySettings,
    where: Where,
    note: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train what is missing of a figure's grid and write its page; returns the page's path."""
    study = Study(
        where.source,
        where.out,
        settings,
        device=where.device,
        command=where.command,
        show_progress=where.show_progress,
    )
    records = study.train(note)
    inputs = StudyInputs(
        title=figure.title,
        subject=_subject(study.data.train),
        records=records,
        command=where.command,
        settings=asdict(study.settings),
        stage_seconds=study.folder.stage_seconds,
        source=figure.paper,
        published=figure.published,
    )
    return write_study_report(inputs, study.folder.report, overwrite=True)


def reproduce_reproductions(
    figure: FigureRecipe, settings: EncoderStudySettings, where: Where
) -> Path:
    """Train the autoencoder and write the page of what it makes of images; returns its path."""
    folder = RunFolder(
        Path(where.out),
        {"source": where.source, "device": where.device, "settings": asdict(settings)},
        notes={"command": where.command},
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


def compare(
    settings: StudySettings, where: Where, note: Callable[[str], None] = lambda text: None
) -> tuple[Path, tuple[RunRecord, ...]]:
    """Train what is missing of a comparison; returns the page's path and the records."""
    figure = FigureRecipe("Which samples to train on", "", "trainings")
    page = reproduce_trainings(figure, settings, where, note)
    return page, load_records(page.parent / "records.json")


def _subject(data: Dataset) -> str:
    height, width, channels = data.image_shape
    return (
        f"{data.name}: {len(data):,} training samples, "
        f"{height} \N{MULTIPLICATION SIGN} {width} \N{MULTIPLICATION SIGN} {channels}"
    )
