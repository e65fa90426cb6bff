"""Which trainings a grid holds, by name alone: nothing is prepared yet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.duration import Duration
from thinset.experiments.arms import FULL, ArmSpec, parse_arm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.experiments.settings import StudySettings
    from thinset.results.records import Comparison


@dataclass(frozen=True)
class Cell:
    """One training of a grid.

    split is None in arms without a subset, size there and in arms whose file decides it.
    """

    arm: ArmSpec
    size: float | None
    split: float | None
    total: str
    comparison: Comparison
    seed: int

    @property
    def name(self) -> str:
        """A name that is safe for a file and tells cells apart."""
        parts = [self.comparison, self.arm.text]
        if self.size is not None:
            parts.append(f"k{self.size!r}")
        if self.split is not None:
            parts.append(f"split{self.split!r}".removesuffix(".0"))
        text = "-".join([*parts, self.total, f"seed{self.seed}"])
        return as_file_name(text)


def as_file_name(text: str) -> str:
    """Replace what has no place in the name of a file."""
    return re.sub(r"[^A-Za-z0-9.=_-]+", "_", text)


def cells_of(settings: StudySettings) -> tuple[Cell, ...]:
    """Every training of the grid, once, in the order in which they are trained.

    Seed by seed, so that what is finished at any time compares all arms; within an arm from the
    smallest split to the largest, so that each goes on with the first phase of the one before. A
    split of 0 is training on everything, whatever the arm. Raises ValueError where two trainings
    would share the name of a record.
    """
    arms = tuple(parse_arm(text) for text in settings.arms)
    cells: dict[Cell, None] = {}
    for seed in settings.seeds:
        for total in settings.totals:
            for comparison in _comparisons(total, settings):
                for arm in arms:
                    for cell in _cells_of_arm(arm, total, comparison, seed, settings):
                        cells.setdefault(cell)
    names: dict[str, Cell] = {}
    for cell in cells:
        if cell != names.setdefault(cell.name, cell):
            first, second = names[cell.name].arm.text, cell.arm.text
            raise ValueError(f"arms {first!r} and {second!r} cannot be told apart by file names")
    return tuple(cells)


def comparison_of(total: str) -> Comparison:
    """What arms of this length have in common, everything counted."""
    return "time" if Duration.parse(total).is_time else "steps"


def _comparisons(total: str, settings: StudySettings) -> tuple[Comparison, ...]:
    if comparison_of(total) == "steps":
        return ("steps",)
    names: dict[str, Comparison] = {"everything": "time", "training": "training time"}
    return tuple(names[accounting] for accounting in settings.accounting)


def _cells_of_arm(
    arm: ArmSpec, total: str, comparison: Comparison, seed: int, settings: StudySettings
) -> Iterator[Cell]:
    if not arm.has_fast_phase:
        yield Cell(arm, None, None, total, comparison, seed)
        return
    for size in settings.sizes if arm.file is None else (None,):
        for split in sorted(settings.splits):
            if split > 0:
                yield Cell(arm, size, split, total, comparison, seed)
            else:
                yield Cell(parse_arm(FULL), None, None, total, comparison, seed)
