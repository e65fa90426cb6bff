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
from thinset.recipes.run_folder import RunFolder, image_size_of, read_settings
from thinset.recipes.schema import (
    DataSettings,
    SearchSettings,
    StudySettings,
    from_table,
    load_recipe,
    read_recipe,
)
from thinset.recipes.search import Search
from thinset.recipes.study import Study
from thinset.recipes.workbench import Where
from thinset.report import (
    REFERENCE,
    PublishedFigure,
    SearchInputs,
    StudyInputs,
    summarise_search,
    write_search_report,
    write_study_report,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from thinset.data import Dataset
    from thinset.report import RunRecord


@dataclass(frozen=True)
class FigureRecipe:
    """What a recipe's table `figure` says.

    title: what the figure shows. paper: where it stands; empty for this project's own. kind: what
    it is made from: "trainings" (a Study), "search" (a Search), or "reproductions" (of an
    autoencoder). published: what the paper reports.
    """

    title: str
    paper: str
    kind: Literal["trainings", "search", "reproductions"]
    published: tuple[PublishedFigure, ...] = field(default=())


COMPARISON = "compare"
_COMPARISON_PAGE = FigureRecipe("Which samples to train on", "", "trainings")
_SETTINGS: dict[str, type[DataSettings]] = {
    "trainings": StudySettings,
    "search": SearchSettings,
    "reproductions": DataSettings,
}


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


def settings_of(name: str, size: str) -> DataSettings:
    """What the recipe of a figure, or COMPARISON, says for one size, in the class of its kind."""
    return load_recipe(name, size, _SETTINGS[_recipe_of(name).kind])


def make_figure(
    name: str,
    settings: DataSettings,
    where: Where,
    note: Callable[[str], None] | None = None,
    *,
    train: bool = True,
) -> Path:
    """Make what is missing of figure `name`, or of a comparison (COMPARISON), and its page.

    Returns the path of the page. `settings` are of the class that `settings_of` gives. Called again
    on the same folder, with more arms, seeds or other places of the grid too, it trains only what
    is missing; see Study and Search for what is refused. `note` hears of each training. Without
    `train`, the page shows what is there; FileNotFoundError where that is nothing.
    """
    figure = _recipe_of(name)
    if isinstance(settings, StudySettings):
        return _make_study(name, figure, settings, where, note, train=train)
    if isinstance(settings, SearchSettings):
        return _make_search(name, figure, settings, where, note, train=train)
    return _draw_reproductions(name, figure, settings, where)


def rewrite_figure(out: str | os.PathLike[str]) -> Path:
    """Write the page of a figure or comparison again from its folder, training nothing.

    Raises ValueError where the folder holds none, FileNotFoundError where nothing is trained yet.
    """
    stored, notes = read_settings(Path(out))
    kind = _recipe_of(notes["figure"]).kind
    table = {**stored["settings"], **notes.get("grid", {})}
    settings = from_table(_SETTINGS[kind], table, "settings.json")
    where = Where(
        stored["source"],
        out,
        stored["device"],
        notes["command"],
        image_size=image_size_of(stored),
    )
    return make_figure(notes["figure"], settings, where, train=False)


def _recipe_of(name: str) -> FigureRecipe:
    return _COMPARISON_PAGE if name == COMPARISON else figures()[name]


def _make_study(
    name: str,
    figure: FigureRecipe,
    settings: StudySettings,
    where: Where,
    note: Callable[[str], None] | None,
    *,
    train: bool,
) -> Path:
    study = Study(where, settings, figure=name)
    if train:
        study.train(note)
    records = study.records()
    _require_some(records, where)
    inputs = StudyInputs(
        title=figure.title,
        subject=_subject(study.data.train),
        records=records,
        command=where.command,
        settings=asdict(study.settings),
        stage_seconds=study.folder.stage_seconds,
        source=figure.paper,
        published=figure.published,
        left_out=study.left_out,
    )
    return write_study_report(inputs, study.folder.report, overwrite=True)


def _make_search(
    name: str,
    figure: FigureRecipe,
    settings: SearchSettings,
    where: Where,
    note: Callable[[str], None] | None,
    *,
    train: bool,
) -> Path:
    search = Search(where, settings, figure=name)
    if train:
        search.train(note)
    trained, preparation, records = search.results()
    _require_some(records, where)
    reference = trained.pop(REFERENCE)
    inputs = SearchInputs(
        title=figure.title,
        subject=_subject(search.data.train),
        arms=summarise_search(reference, trained, preparation),
        records=records,
        command=where.command,
        settings=asdict(settings),
        stage_seconds=search.folder.stage_seconds,
        left_out=search.left_out,
    )
    return write_search_report(inputs, search.folder.report, overwrite=True)


def _draw_reproductions(
    name: str, figure: FigureRecipe, settings: DataSettings, where: Where
) -> Path:
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
        data.train,
        folder,
        encoder,
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


def _require_some(records: Sequence[RunRecord], where: Where) -> None:
    if not records:
        raise FileNotFoundError(f"{where.out} holds no finished training; run it first")


def _subject(data: Dataset) -> str:
    height, width, channels = data.image_shape
    return (
        f"{data.name}: {len(data):,} training samples, "
        f"{height} \N{MULTIPLICATION SIGN} {width} \N{MULTIPLICATION SIGN} {channels}"
    )
