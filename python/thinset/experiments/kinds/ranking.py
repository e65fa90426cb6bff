"""Candidates ranked by long trainings on everything, and by short ones on small data.

Candidates are hyper-parameters, or architectures of small networks.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.experiments.cells import Cell, as_file_name, cell_of
from thinset.experiments.finished import Finished
from thinset.experiments.next_steps import on_real_data
from thinset.experiments.prepare.subsets import require_readable
from thinset.experiments.settings import RankingSettings
from thinset.experiments.shown_settings import shown_settings
from thinset.models.architecture import PREFIX, Architecture
from thinset.models.architecture_space import draw_architectures
from thinset.report import RankingInputs, write_ranking_report
from thinset.results import FULL, REFERENCE, summarise_ranking
from thinset.results.ranking import HyperParameters, Ranker, Trained, ranked_by_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from thinset.data import Dataset
    from thinset.experiments.figures.recipe import FigureRecipe
    from thinset.experiments.settings import TrainingSettings
    from thinset.experiments.where import Where
    from thinset.experiments.workbench import Workbench
    from thinset.results.ranking import Candidate

Settings = RankingSettings


@dataclass(frozen=True)
class Point:
    """One training: by what ranks, of one candidate, with one seed."""

    ranker: Ranker
    candidate: Candidate
    cell: Cell

    @property
    def name(self) -> str:
        """A name that is unique among points and safe as a file name."""
        kind = "reference-" if self.ranker == REFERENCE else ""
        if isinstance(self.candidate, str):
            # Commas and colons become "_", which no architecture has.
            return f"{kind}{as_file_name(self.candidate)}-{self.cell.name}"
        rate, width = self.candidate
        return f"{kind}rate{rate!r}-width{width!r}-{self.cell.name}"

    def training(self, shared: TrainingSettings) -> TrainingSettings:
        """The training of the candidate: what all share, with what the candidate says."""
        if isinstance(self.candidate, str):
            return dataclasses.replace(shared, model=self.candidate)
        rate, width = self.candidate
        return dataclasses.replace(shared, learning_rate=rate, width=width)


def candidates_of(settings: RankingSettings) -> tuple[Candidate, ...]:
    """What is ranked: architectures if there are any, otherwise hyper-parameters."""
    if settings.architectures:
        return settings.architectures
    pairs = itertools.product(settings.learning_rates, settings.widths)
    return tuple(itertools.starmap(HyperParameters, pairs))


def with_drawn_architectures(settings: RankingSettings) -> RankingSettings:
    """The settings with the names of architectures that are only counted."""
    if settings.architectures or not settings.n_architectures:
        return settings
    drawn = draw_architectures(settings.n_architectures, settings.architecture_seed)
    return dataclasses.replace(settings, architectures=tuple(map(str, drawn)))


def points_of(settings: RankingSettings) -> Iterator[Point]:
    """Seed by seed, so that the finished trainings compare all arms at any time."""
    candidates = candidates_of(settings)
    for seed in settings.seeds:
        rankers: dict[Ranker, Cell] = {}
        for arm, size in itertools.product(settings.arms, settings.sizes):
            cell = cell_of(
                arm, size=size, split=1.0, total=settings.total, comparison="steps", seed=seed
            )
            rankers[Ranker(arm, cell.size)] = cell
        everything = Cell(FULL, None, None, settings.reference_total, "steps", seed)
        for candidate in candidates:
            for ranker, cell in {REFERENCE: everything, **rankers}.items():
                yield Point(ranker, candidate, cell)


def make(
    recipe: FigureRecipe,
    settings: RankingSettings,
    where: Where,
    note: Callable[[str], None] | None = None,
) -> Path:
    """Train what is missing, and write the page; returns its path.

    A later call may ask for more arms, sizes, seeds and candidates in the same folder.
    """
    from thinset.experiments.classifier import require_model
    from thinset.experiments.prepare.generated import require_generators
    from thinset.experiments.workbench import Workbench

    require_readable(settings.arms)
    settings = with_drawn_architectures(settings)
    for name in settings.architectures:
        require_model(name)
    points = tuple(points_of(settings))
    fixed = ("training", "total", "reference_total")
    bench = Workbench(where, settings, fixed=fixed, figure=recipe.name)
    generators = settings.generation.of_arms(settings.arms)
    require_generators(bench.data.train, settings.generation, generators)
    trainings = {point.name: functools.partial(_train, bench, settings, point) for point in points}
    bench.train_missing(trainings, note)
    return write_page(recipe, Finished.read(where.out, RankingSettings))


def _train(bench: Workbench, settings: RankingSettings, point: Point) -> None:
    bench.train(point.cell, point.training(settings.training), point.name)


def write_page(recipe: FigureRecipe, finished: Finished[RankingSettings]) -> Path:
    """Write the page of the trainings finished so far; FileNotFoundError without a reference."""
    points = tuple(points_of(finished.settings))
    left_out = finished.left_out(point.name for point in points)
    records = finished.records(point.name for point in points)
    trained, preparation = trained_by_ranker(points, finished, left_out)
    if REFERENCE not in trained:
        raise FileNotFoundError(
            f"{finished.path} has no finished reference training; run the experiment first"
        )
    reference = trained.pop(REFERENCE)
    settings = finished.settings
    multiply_adds = _multiply_adds(settings, finished.data)
    trained |= ranked_by_size(multiply_adds, settings.seeds)
    inputs = RankingInputs(
        title=recipe.title,
        subject=finished.subject,
        rankings=summarise_ranking(reference, trained, preparation),
        records=records,
        command=finished.command,
        candidates="architectures" if settings.architectures else "settings",
        multiply_adds=multiply_adds,
        settings=shown_settings(settings, finished.data.image_shape, settings.arms),
        stage_seconds=finished.stage_seconds,
        left_out=left_out,
        next_step=on_real_data(finished),
    )
    return write_ranking_report(inputs, finished.report, overwrite=True)


def trained_by_ranker(
    points: tuple[Point, ...], finished: Finished[RankingSettings], left_out: dict[str, str]
) -> tuple[dict[Ranker, list[Trained]], dict[Ranker, float]]:
    """The finished trainings by what ranks, with the reference, and the preparation seconds.

    A training that was skipped because it diverged scores 0 and has no record.
    """
    trained: dict[Ranker, list[Trained]] = {}
    preparation: dict[Ranker, float] = {}
    records = finished.records_by_name(point.name for point in points)
    for point in points:
        score = seconds = 0.0
        record = records.get(point.name)
        if record is not None:
            once = sum(record.preparation_seconds.values())
            preparation[point.ranker] = max(once, preparation.get(point.ranker, 0.0))
            score, seconds = record.score, record.total_seconds - once
        elif point.name not in left_out:
            continue
        trained.setdefault(point.ranker, []).append(
            Trained(point.ranker, point.candidate, point.cell.seed, score, seconds)
        )
    return trained, preparation


def _multiply_adds(settings: RankingSettings, data: Dataset) -> dict[Candidate, int]:
    """Of each architecture, by its text; empty unless all are written as texts."""
    names = settings.architectures
    if not all(name.startswith(PREFIX) for name in names):
        return {}
    return {
        name: Architecture.parse(name).multiply_adds(data.image_shape, data.n_classes)
        for name in names
    }
