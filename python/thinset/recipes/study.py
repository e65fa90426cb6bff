"""A grid of trainings on one dataset: training those that are missing."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.recipes.cells import Cell, cells_of
from thinset.recipes.run_folder import RunFolder
from thinset.recipes.schema import DataSettings
from thinset.recipes.workbench import Workbench
from thinset.report.records import RunRecord
from thinset.training import NoTimeLeftError, TrainingDivergedError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from thinset.recipes.schema import StudySettings

# What all trainings in a folder share; the rest of the settings is the grid, which may grow.
_FIXED = (*(field.name for field in dataclasses.fields(DataSettings)), "training")


class Study:
    """The trainings of a grid, whose records lie in one folder.

    Each training that is missing is made; what is there is not repeated. A later call may ask for
    more arms, seeds, sizes, splits and lengths in the same folder, but not for other data, another
    encoder or another recipe of training: see RunFolder for what is refused. `notes` are kept for
    the record; of them, `command` goes into the records too.
    """

    def __init__(
        self,
        source: str,
        out: str | os.PathLike[str],
        settings: StudySettings,
        *,
        device: str = "auto",
        notes: dict[str, Any] | None = None,
        show_progress: bool = False,
    ) -> None:
        self.left_out: dict[str, str] = {}
        self._cells = cells_of(settings)  # first: a mistake in an arm must not leave a folder
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
        image_shape = self.data.train.image_shape
        self.settings = dataclasses.replace(
            settings.resolved_for(image_shape), training=settings.training.resolved_for(image_shape)
        )

    def train(self, note: Callable[[str], None] | None = None) -> tuple[RunRecord, ...]:
        """Train what is missing; return the records of the whole grid. `note` hears of each one.

        A cell whose preparation takes all of its budget, or whose loss is no longer a number, is
        left out, and `left_out` says why.
        """
        missing = [cell for cell in self._cells if not self._path(cell).exists()]
        for number, cell in enumerate(missing, start=1):
            if note is not None:
                note(f"training {number} of {len(missing)}: {cell.name}")
            try:
                self._train(cell)
            except (NoTimeLeftError, TrainingDivergedError) as error:
                self.left_out[cell.name] = str(error)
                if note is not None:
                    note(f"left out: {error}")
        return self.records()

    def records(self) -> tuple[RunRecord, ...]:
        """The records of those trainings of the grid that are finished."""
        paths = (self._path(cell) for cell in self._cells)
        return tuple(RunRecord.load(path) for path in paths if path.exists())

    def _path(self, cell: Cell) -> Path:
        return self.folder.record(cell.name)

    def _train(self, cell: Cell) -> None:
        first_phase = self._first_phase(cell)
        self._bench.train(cell, self.settings.training, cell.name, first_phase)
        if first_phase is not None and cell.split == max(self.settings.splits):
            first_phase.unlink(missing_ok=True)

    def _first_phase(self, cell: Cell) -> Path | None:
        """Where trainings that differ only in the split share the state after the fast phase."""
        is_shared = (
            len(self.settings.splits) > 1
            and cell.arm.has_fast_phase
            and cell.comparison == "steps"
            and self.settings.training.schedule == "constant"
        )
        if not is_shared:
            return None
        name = dataclasses.replace(cell, split=0.0).name
        path = self.folder.checkpoint(f"first-phase-{name}")
        # A split asked for later, below one that is finished, begins anew.
        longer = [split for split in self.settings.splits if split > (cell.split or 0.0)]
        if any(self._path(dataclasses.replace(cell, split=split)).exists() for split in longer):
            path.unlink(missing_ok=True)
        return path
