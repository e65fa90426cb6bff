"""A search over configurations of training, on everything and on subsets."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.recipes.arms import FULL, parse_arm
from thinset.recipes.cells import Cell
from thinset.recipes.run_folder import RunFolder
from thinset.recipes.schema import DataSettings
from thinset.recipes.workbench import Workbench
from thinset.report.records import RunRecord
from thinset.report.search import REFERENCE, Configuration, Trained

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from thinset.recipes.schema import SearchSettings

_FIXED = (
    *(field.name for field in dataclasses.fields(DataSettings)),
    "training",
    "total",
    "reference_total",
    "size",
)


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
        return f"{kind}rate{rate:g}-width{width:g}-{self.cell.name}"


class Search:
    """Every configuration trained by every arm; records lie in one folder and are not repeated.

    A later call may ask for more arms, seeds, learning rates and widths in the same folder.
    """

    def __init__(
        self,
        source: str,
        out: str | os.PathLike[str],
        settings: SearchSettings,
        *,
        device: str = "auto",
        notes: dict[str, Any] | None = None,
        show_progress: bool = False,
    ) -> None:
        self._points = tuple(_points_of(settings))
        grid = asdict(settings)
        fixed = {key: grid.pop(key) for key in _FIXED}
        self.folder = RunFolder(
            Path(out),
            {"source": source, "device": device, "settings": fixed},
            notes={"command": "", **(notes or {}), "grid": grid},
        )
        self._bench = Workbench(
            source,
            self.folder,
            settings,
            device=device,
            command=(notes or {}).get("command", ""),
            show_progress=show_progress,
        )
        self.data = self._bench.data
        self.settings = settings

    def train(self, note: Callable[[str], None] | None = None) -> None:
        """Train what is missing; `note` hears of each training."""
        missing = [point for point in self._points if not self.folder.record(point.name).exists()]
        for number, point in enumerate(missing, start=1):
            if note is not None:
                note(f"training {number} of {len(missing)}: {point.name}")
            rate, width = point.configuration
            training = dataclasses.replace(self.settings.training, learning_rate=rate, width=width)
            self._bench.train(point.cell, training, point.name)

    def results(self) -> tuple[dict[str, list[Trained]], dict[str, float], list[RunRecord]]:
        """What is trained by arm, the reference among them; seconds each arm paid once; records."""
        trained: dict[str, list[Trained]] = {}
        preparation: dict[str, float] = {}
        records = []
        for point in self._points:
            path = self.folder.record(point.name)
            if not path.exists():
                continue
            record = RunRecord.load(path)
            records.append(record)
            once = sum(record.preparation_seconds.values())
            preparation[point.arm] = max(once, preparation.get(point.arm, 0.0))
            trained.setdefault(point.arm, []).append(
                Trained(
                    point.arm,
                    point.configuration,
                    record.seed,
                    record.final.test_accuracy,
                    record.total_seconds - once,
                )
            )
        return trained, preparation, records


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
