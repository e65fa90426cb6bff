"""From the folder of a finished run to its page, without torch."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from thinset.experiments.cells import cells_of
from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.finished import finished_records
from thinset.experiments.ranking.points import points_of, search_results
from thinset.experiments.run_folder import read_left_out, read_stages
from thinset.experiments.settings import SearchSettings, StudySettings
from thinset.report import (
    ReportInputs,
    Reproductions,
    SearchInputs,
    StudyInputs,
    write_report,
    write_search_report,
    write_study_report,
)
from thinset.results import REFERENCE, load_records, summarise_search
from thinset.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from thinset.data import Dataset
    from thinset.experiments.settings import DataSettings, RunSettings


def write_run_page(
    path: Path,
    data: Dataset,
    embeddings: np.ndarray[Any, Any],
    settings: RunSettings,
    command: str,
    *,
    facts: dict[str, Any] | None,
    shown: Reproductions | None,
) -> Path:
    """Write report/index.html of a run, with its plots and records beside it; returns its path.

    facts: of the embeddings. shown: what the autoencoder makes of a few samples.
    """

    def selected(name: str) -> np.ndarray[Any, Any]:
        return Selection.load(path / "selections" / f"{name}.npz").indices

    inputs = ReportInputs(
        title=f"thinset on {data.name}",
        dataset_name=data.name,
        images=data.images,
        labels=data.labels,
        class_names=data.class_names,
        selected_indices=selected("selected"),
        random_indices=selected(f"random-seed{settings.seeds[0]}"),
        embeddings=embeddings,
        reproductions=shown,
        embedding_facts=facts,
        stage_seconds=read_stages(path),
        records=load_records(path / "records"),
        settings=asdict(settings),
        command=command,
    )
    return write_report(inputs, path / "report", overwrite=True)


def write_figure_page(
    path: Path,
    name: str,
    data: Dataset,
    settings: DataSettings,
    command: str,
    *,
    facts: dict[str, Any] | None = None,
    shown: Reproductions | None = None,
) -> Path:
    """Write the page of figure `name`, or of a comparison; returns its path.

    Raises FileNotFoundError where a figure made from trainings has none yet.
    """
    if isinstance(settings, StudySettings):
        return _write_study_page(path, name, data, settings, command)
    if isinstance(settings, SearchSettings):
        return _write_search_page(path, name, data, settings, command)
    figure = recipe_of(name)
    inputs = StudyInputs(
        title=figure.title,
        subject=_subject(data),
        records=(),
        command=command,
        settings=asdict(settings.resolved_for(data.image_shape).encoder),
        stage_seconds=read_stages(path),
        source=figure.paper,
        reproductions=shown,
        embedding_facts=facts,
    )
    return write_study_report(inputs, path / "report", overwrite=True)


def _write_study_page(
    path: Path, name: str, data: Dataset, settings: StudySettings, command: str
) -> Path:
    figure = recipe_of(name)
    names = [cell.name for cell in cells_of(settings)]
    records = finished_records(names, path)
    _require_some(records, path)
    left_out = read_left_out(path)
    inputs = StudyInputs(
        title=figure.title,
        subject=_subject(data),
        records=records,
        command=command,
        settings=asdict(settings.fully_resolved_for(data.image_shape)),
        stage_seconds=read_stages(path),
        source=figure.paper,
        published=figure.published,
        left_out={name: left_out[name] for name in names if name in left_out},
    )
    return write_study_report(inputs, path / "report", overwrite=True)


def _write_search_page(
    path: Path, name: str, data: Dataset, settings: SearchSettings, command: str
) -> Path:
    points = tuple(points_of(settings))
    reasons = read_left_out(path)
    left_out = {point.name: reasons[point.name] for point in points if point.name in reasons}
    trained, preparation, records = search_results(points, path / "records", left_out)
    _require_some(records, path)
    if REFERENCE not in trained:
        raise FileNotFoundError(f"{path} holds no finished reference training; run it first")
    reference = trained.pop(REFERENCE)
    inputs = SearchInputs(
        title=recipe_of(name).title,
        subject=_subject(data),
        arms=summarise_search(reference, trained, preparation),
        records=records,
        command=command,
        settings=asdict(settings),
        stage_seconds=read_stages(path),
        left_out=left_out,
    )
    return write_search_report(inputs, path / "report", overwrite=True)


def _require_some(records: object, path: Path) -> None:
    if not records:
        raise FileNotFoundError(f"{path} holds no finished training; run it first")


def _subject(data: Dataset) -> str:
    height, width, channels = data.image_shape
    return (
        f"{data.name}: {len(data):,} training samples, "
        f"{height} \N{MULTIPLICATION SIGN} {width} \N{MULTIPLICATION SIGN} {channels}"
    )
