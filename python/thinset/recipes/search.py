"""A search over configurations of training, on everything and on subsets."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import TYPE_CHECKING

from thinset.recipes.arms import FULL, parse_arm
from thinset.recipes.cells import Cell
from thinset.recipes.workbench import Where, Workbench
from thinset.report.records import RunRecord
from thinset.report.search import REFERENCE, Configuration, Trained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thinset.recipes.schema import SearchSettings


@dataclasses.dataclass(frozen=True)
class Point:
    """One training of a search: an arm, or the reference, at one configuration with one seed."""

    arm: str
    configuration: Configuration
    cell: Cell

    @property
    def name(self) -> str:
        """A name that is safe for a file and tells points apart."""
        rate, width = self.configuration
        kind = "reference-" if self.arm == REFERENCE else ""
        return f"{kind}rate{rate!r}-width{width!r}-{self.cell.name}"


class Search:
    """Every configuration trained by every arm; records lie in one folder and are not repeated.

    A later call may ask for more arms, seeds, learning rates and widths in the same folder.
    """

    def __init__(self, where: Where, settings: SearchSettings, *, figure: str = "") -> None:
        self._points = tuple(_points_of(settings))
        fixed = ("training", "total", "reference_total", "size")
        self._bench = Workbench(where, settings, fixed=fixed, figure=figure)
        self.folder = self._bench.folder
        self.data = self._bench.data
        self.settings = settings

    def train(self, note: Callable[[str], None] | None = None) -> None:
        """Train what is missing; see Workbench.train_missing."""
        trainings = {point.name: functools.partial(self._train, point) for point in self._points}
        self._bench.train_missing(trainings, note)

    def results(self) -> tuple[dict[str, list[Trained]], dict[str, float], list[RunRecord]]:
        """What is trained by arm, the reference among them; seconds each arm paid once; records.

        A training that is left out, for it diverged, scores 0 and has no record.
        """
        trained: dict[str, list[Trained]] = {}
        preparation: dict[str, float] = {}
        records = []
        left_out = self.left_out
        for point in self._points:
            path = self.folder.record(point.name)
            accuracy = seconds = 0.0
            if path.exists():
                record = RunRecord.load(path)
                records.append(record)
                once = sum(record.preparation_seconds.values())
                preparation[point.arm] = max(once, preparation.get(point.arm, 0.0))
                accuracy, seconds = record.final.test_accuracy, record.total_seconds - once
            elif point.name not in left_out:
                continue
            trained.setdefault(point.arm, []).append(
                Trained(point.arm, point.configuration, point.cell.seed, accuracy, seconds)
            )
        return trained, preparation, records

    @property
    def left_out(self) -> dict[str, str]:
        """Those trainings of the search that could not be made, by name, and why."""
        return self.folder.left_out_of(point.name for point in self._points)

    def _train(self, point: Point) -> None:
        rate, width = point.configuration
        training = dataclasses.replace(self.settings.training, learning_rate=rate, width=width)
        self._bench.train(point.cell, training, point.name)


def _points_of(settings: SearchSettings) -> Iterator[Point]:
    """Seed by seed, so that what is finished at any time compares all arms."""
    arms = [(text, parse_arm(text), settings.total) for text in settings.arms]
    arms.insert(0, (REFERENCE, parse_arm(FULL), settings.reference_total))
    for seed in settings.seeds:
        for rate, width in itertools.product(settings.learning_rates, settings.widths):
            for name, arm, total in arms:
                has_size = arm.has_fast_phase and arm.file is None
                size = settings.size if has_size else None
                split = 1.0 if arm.has_fast_phase else None
                cell = Cell(arm, size, split, total, "steps", seed)
                yield Point(name, Configuration(rate, width), cell)
