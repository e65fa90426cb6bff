"""Hyper-parameters ranked by long trainings on everything, and by short ones on subsets."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.experiments.cells import Cell, cell_of
from thinset.experiments.finished import Finished
from thinset.experiments.prepare.subsets import require_readable
from thinset.experiments.settings import RankingSettings
from thinset.files.decoding import encode
from thinset.report import RankingInputs, write_ranking_report
from thinset.results import FULL, REFERENCE, summarise_ranking
from thinset.results.ranking import HyperParameters, Trained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from thinset.duration import Duration
    from thinset.experiments.figures.recipe import FigureRecipe
    from thinset.experiments.where import Where
    from thinset.experiments.workbench import Workbench
    from thinset.results import Arm

Settings = RankingSettings


@dataclass(frozen=True)
class Point:
    """One training: an arm, or the reference, with one setting and one seed."""

    arm: Arm
    setting: HyperParameters
    cell: Cell

    @property
    def name(self) -> str:
        """A name that is unique among points and safe as a file name."""
        rate, width = self.setting
        kind = "reference-" if self.arm == REFERENCE else ""
        return f"{kind}rate{rate!r}-width{width!r}-{self.cell.name}"


def points_of(settings: RankingSettings) -> Iterator[Point]:
    """Seed by seed, so that the finished trainings compare all arms at any time."""
    arms: list[tuple[Arm, Arm, Duration]] = [
        (REFERENCE, FULL, settings.reference_total),
        *((arm, arm, settings.total) for arm in settings.arms),
    ]
    for seed in settings.seeds:
        for rate, width in itertools.product(settings.learning_rates, settings.widths):
            for ranked, arm, total in arms:
                cell = cell_of(
                    arm, size=settings.size, split=1.0, total=total, comparison="steps", seed=seed
                )
                yield Point(ranked, HyperParameters(rate, width), cell)


def make(
    recipe: FigureRecipe,
    settings: RankingSettings,
    where: Where,
    note: Callable[[str], None] | None = None,
) -> Path:
    """Train what is missing, and write the page; returns its path.

    A later call may ask for more arms, seeds, learning rates and widths in the same folder.
    """
    from thinset.experiments.workbench import Workbench

    require_readable(settings.arms)
    points = tuple(points_of(settings))
    fixed = ("training", "total", "reference_total", "size")
    bench = Workbench(where, settings, fixed=fixed, figure=recipe.name)
    trainings = {point.name: functools.partial(_train, bench, settings, point) for point in points}
    bench.train_missing(trainings, note)
    return write_page(recipe, Finished.read(where.out, RankingSettings))


def _train(bench: Workbench, settings: RankingSettings, point: Point) -> None:
    rate, width = point.setting
    training = dataclasses.replace(settings.training, learning_rate=rate, width=width)
    bench.train(point.cell, training, point.name)


def write_page(recipe: FigureRecipe, finished: Finished[RankingSettings]) -> Path:
    """Write the page of the trainings finished so far; FileNotFoundError without a reference."""
    points = tuple(points_of(finished.settings))
    left_out = finished.left_out(point.name for point in points)
    records = finished.records(point.name for point in points)
    trained, preparation = trained_by_arm(points, finished, left_out)
    if REFERENCE not in trained:
        raise FileNotFoundError(
            f"{finished.path} has no finished reference training; run the experiment first"
        )
    reference = trained.pop(REFERENCE)
    inputs = RankingInputs(
        title=recipe.title,
        subject=finished.subject,
        arms=summarise_ranking(reference, trained, preparation),
        records=records,
        command=finished.command,
        settings=encode(finished.settings),
        stage_seconds=finished.stage_seconds,
        left_out=left_out,
    )
    return write_ranking_report(inputs, finished.report, overwrite=True)


def trained_by_arm(
    points: tuple[Point, ...], finished: Finished[RankingSettings], left_out: dict[str, str]
) -> tuple[dict[Arm, list[Trained]], dict[Arm, float]]:
    """The finished trainings by arm, with the reference, and the preparation seconds of each arm.

    A training that was skipped because it diverged scores 0 and has no record.
    """
    trained: dict[Arm, list[Trained]] = {}
    preparation: dict[Arm, float] = {}
    records = finished.records_by_name(point.name for point in points)
    for point in points:
        score = seconds = 0.0
        record = records.get(point.name)
        if record is not None:
            once = sum(record.preparation_seconds.values())
            preparation[point.arm] = max(once, preparation.get(point.arm, 0.0))
            score, seconds = record.score, record.total_seconds - once
        elif point.name not in left_out:
            continue
        trained.setdefault(point.arm, []).append(
            Trained(point.arm, point.setting, point.cell.seed, score, seconds)
        )
    return trained, preparation
