"""The trainings of an experiment, before anything is prepared."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.results.arm import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.duration import Duration
    from thinset.experiments.settings import StudySettings
    from thinset.results.arm import Arm
    from thinset.results.records import Comparison

_LONGEST = 150
"""Of names with paths in them, in characters"""


@dataclass(frozen=True)
class Cell:
    """One training of an experiment.

    split is None for arms without a fast phase. size is None for those, and for arms with a fixed
    size.
    """

    arm: Arm
    size: float | None
    split: float | None
    total: Duration
    comparison: Comparison
    seed: int

    @property
    def name(self) -> str:
        """A name that is unique among cells and safe as a file name."""
        parts = [self.comparison, str(self.arm)]
        if self.size is not None:
            parts.append(f"k{self.size!r}")
        if self.split is not None:
            parts.append(f"split{self.split!r}".removesuffix(".0"))
        text = "-".join([*parts, str(self.total), f"seed{self.seed}"])
        return as_unique_file_name(text) if self.arm.path is not None else as_file_name(text)

    @property
    def selection_name(self) -> str:
        """The name of its selection's files; arms that differ only in their training share it."""
        rule = self.arm.rule
        assert rule is not None
        seed = f"-seed{self.seed}" if rule.depends_on_seed else ""
        return as_file_name(f"{rule}-k{self.size!r}{seed}")

    def without_subset(self) -> Cell:
        """The same length of training on everything."""
        return dataclasses.replace(self, arm=FULL, size=None, split=None)


def cell_of(
    arm: Arm, *, size: float, split: float, total: Duration, comparison: Comparison, seed: int
) -> Cell:
    """The cell of `arm`, with `size` and `split` where they apply to it."""
    if not arm.has_fast_phase:
        return Cell(arm, None, None, total, comparison, seed)
    return Cell(arm, None if arm.has_own_size else size, split, total, comparison, seed)


def as_file_name(text: str) -> str:
    """Replace the characters that do not belong in a file name."""
    return re.sub(r"[^A-Za-z0-9.=_-]+", "_", text)


def as_unique_file_name(text: str) -> str:
    """The same for texts with paths in them, which may differ only in replaced characters."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{as_file_name(text)[-_LONGEST:]}-{digest}"


def cells_of(settings: StudySettings) -> tuple[Cell, ...]:
    """Every training of the grid, once, in the order in which they are trained.

    Seed by seed, so that the finished trainings compare all arms at any time. Within an arm, from
    the smallest split to the largest, so that each continues the first phase of the previous one. A
    split of 0 means training on everything, whatever the arm.
    """
    cells: dict[Cell, None] = {}
    for seed in settings.seeds:
        for total in settings.totals:
            for comparison in _comparisons(total, settings):
                for arm in settings.arms:
                    for cell in _cells_of_arm(arm, total, comparison, seed, settings):
                        cells.setdefault(cell)
    return tuple(cells)


def comparison_of(total: Duration) -> Comparison:
    """The comparison that arms of this length share, everything counted."""
    return "time" if total.is_time else "steps"


def _comparisons(total: Duration, settings: StudySettings) -> tuple[Comparison, ...]:
    if comparison_of(total) == "steps":
        return ("steps",)
    names: dict[str, Comparison] = {"everything": "time", "training": "training time"}
    return tuple(names[accounting] for accounting in settings.accounting)


def _cells_of_arm(
    arm: Arm, total: Duration, comparison: Comparison, seed: int, settings: StudySettings
) -> Iterator[Cell]:
    for size in settings.sizes:
        for split in sorted(settings.splits):
            cell = cell_of(
                arm, size=size, split=split, total=total, comparison=comparison, seed=seed
            )
            yield cell.without_subset() if cell.split == 0 else cell
