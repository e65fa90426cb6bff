"""Which trainings a search holds, and what came of those that are finished; nothing here trains."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from thinset.experiments.arms import FULL, parse_arm
from thinset.experiments.cells import Cell
from thinset.results.ranking import REFERENCE, Configuration, Trained
from thinset.results.records import RunRecord

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from pathlib import Path

    from thinset.experiments.settings import SearchSettings


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


def points_of(settings: SearchSettings) -> Iterator[Point]:
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


def search_results(
    points: Iterable[Point], records_folder: Path, left_out: Container[str]
) -> tuple[dict[str, list[Trained]], dict[str, float], list[RunRecord]]:
    """What is trained by arm, the reference among them; seconds each arm paid once; records.

    A training that is left out, for it diverged, scores 0 and has no record.
    """
    trained: dict[str, list[Trained]] = {}
    preparation: dict[str, float] = {}
    records = []
    for point in points:
        path = records_folder / f"{point.name}.json"
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
