"""A grid of trainings on one dataset: which there are, and training those that are missing."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.recipes.arms import FULL, ArmSpec, parse_arm
from thinset.recipes.preparation import (
    TrainAndTest,
    prepare_data,
    prepare_decoded,
    prepare_embeddings,
    prepare_encoded,
    prepare_given_subset,
    prepare_subset,
    prepare_variant,
)
from thinset.recipes.run_folder import RunFolder
from thinset.recipes.trial import Trial, train
from thinset.report.records import RunRecord
from thinset.training import Duration, LossPruning, RepeatedRandom

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    import numpy as np

    from thinset.data import Dataset, EncodedDataset
    from thinset.recipes.preparation import Subset
    from thinset.recipes.schema import StudySettings
    from thinset.report.records import Comparison

# What all trainings in a folder share; the rest of the settings is the grid, which may grow.
_FIXED = ("from_encoded", "photograph_side", "variant", "hold_out", "encoder", "training")
_DECODING = "decoding everything"
_EMBEDDING_STAGES = ("encoder training", "encoding", "principal components")


@dataclass(frozen=True)
class Cell:
    """One training of the grid, by name alone: nothing is prepared yet.

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
            parts.append(f"k{self.size:g}")
        if self.split is not None:
            parts.append(f"split{self.split:g}")
        text = "-".join([*parts, self.total, f"seed{self.seed}"])
        return _as_file_name(text)


def _as_file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.=_-]+", "_", text)


def cells_of(settings: StudySettings) -> tuple[Cell, ...]:
    """Every training of the grid, once, in the order in which they are trained.

    Seed by seed, so that what is finished at any time compares all arms; within an arm from the
    smallest split to the largest, so that each goes on with the first phase of the one before. A
    split of 0 is training on everything, whatever the arm.
    """
    arms = tuple(parse_arm(text) for text in settings.arms)
    cells: dict[Cell, None] = {}
    for seed in settings.seeds:
        for total in settings.totals:
            for comparison in _comparisons(total, settings):
                for arm in arms:
                    for cell in _cells_of_arm(arm, total, comparison, seed, settings):
                        cells.setdefault(cell)
    return tuple(cells)


def _comparisons(total: str, settings: StudySettings) -> tuple[Comparison, ...]:
    if not Duration.parse(total).is_time:
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
        self._cells = cells_of(settings)  # first: a mistake in an arm must not leave a folder
        grid = asdict(settings)
        fixed = {key: grid.pop(key) for key in _FIXED}
        self.folder = RunFolder(
            Path(out),
            {"source": source, "device": device, "settings": fixed},
            notes={"command": "", **(notes or {}), "grid": grid},
        )
        self._device = device
        self._command = (notes or {}).get("command", "")
        self._show_progress = show_progress
        data = prepare_data(
            source, self.folder, hold_out_share=settings.hold_out, show_progress=show_progress
        )
        self.data: TrainAndTest = prepare_variant(data, settings.variant, self.folder)
        self.settings = settings.resolved_for(self.data.train.image_shape)
        self._encoded: EncodedDataset | None = None
        if settings.from_encoded:
            self._encoded = prepare_encoded(
                source, self.data.train, self.folder, settings.photograph_side
            )
            self.data = self.data._replace(
                train=prepare_decoded(self._encoded, self.folder, stage=_DECODING)
            )

    def train(self, note: Callable[[str], None] | None = None) -> tuple[RunRecord, ...]:
        """Train what is missing; return the records of the whole grid. `note` hears of each one."""
        missing = [cell for cell in self._cells if not self._path(cell).exists()]
        for number, cell in enumerate(missing, start=1):
            if note is not None:
                note(f"training {number} of {len(missing)}: {cell.name}")
            self._train(cell)
        return self.records()

    def records(self) -> tuple[RunRecord, ...]:
        """The records of those trainings of the grid that are finished."""
        paths = (self._path(cell) for cell in self._cells)
        return tuple(RunRecord.load(path) for path in paths if path.exists())

    def embeddings(self) -> np.ndarray[Any, Any]:
        """The embedding matrix that subsets are selected from, computed once."""
        return prepare_embeddings(
            self.data.train,
            self.folder,
            self.settings.encoder,
            seed=0,
            device=self._device,
            show_progress=self._show_progress,
        )

    def _path(self, cell: Cell) -> Path:
        return self.folder.record(cell.name)

    def _train(self, cell: Cell) -> None:
        checkpoint = self.folder.checkpoint(cell.name)
        _, record = train(
            self._trial(cell),
            self._full_of(cell.arm),
            self.data.test,
            self.settings.training,
            device=self._device,
            command=self._command,
            checkpoint_path=checkpoint,
            first_phase_path=self._first_phase(cell),
            show_progress=self._show_progress,
        )
        record.save(self._path(cell))
        checkpoint.unlink(missing_ok=True)
        first_phase = self._first_phase(cell)
        if first_phase is not None and cell.split == max(self.settings.splits):
            first_phase.unlink(missing_ok=True)

    def _full_of(self, arm: ArmSpec) -> Dataset | EncodedDataset:
        """What `arm` trains on beside its subset: encoded images, where it has not decoded all."""
        if self._encoded is None or self._pays_for_decoding(arm):
            return self.data.train
        return self._encoded

    def _pays_for_decoding(self, arm: ArmSpec) -> bool:
        return self._encoded is not None and (arm.needs_embeddings or bool(arm.resident))

    def _trial(self, cell: Cell) -> Trial:
        arm = cell.arm
        n_full = len(self.data.train)
        trial = Trial(
            name=cell.name,
            arm=arm.arm,
            comparison=cell.comparison,
            method=arm.text,
            seed=cell.seed,
            total=cell.total,
            split=cell.split or 0.0,
            subset=None,
            n_subset=n_full,
            preparation_seconds=self._decoding_seconds(arm),
            fine_tuning_order=LossPruning() if arm.then == "loss_pruning" else None,
            resident=arm.resident,
        )
        if arm.is_repeated:
            assert cell.size is not None
            n_samples = cell.size if isinstance(cell.size, int) else round(cell.size * n_full)
            return dataclasses.replace(
                trial, n_subset=n_samples, fast_order=RepeatedRandom(n_samples)
            )
        if arm.has_fast_phase:
            subset = self._subset(cell)
            return dataclasses.replace(
                trial,
                subset=subset.data,
                n_subset=len(subset.data),
                preparation_seconds={
                    **self._decoding_seconds(arm),
                    **self._embedding_seconds(arm),
                    **subset.seconds,
                },
            )
        return trial

    def _subset(self, cell: Cell) -> Subset:
        if cell.arm.file is not None:
            return prepare_given_subset(
                _as_file_name(cell.arm.text), self.data.train, self.folder, cell.arm.file
            )
        assert cell.arm.selection is not None
        assert cell.size is not None
        # Arms that differ in their fine-tuning alone share a subset.
        text = re.sub(r":then=\w+", "", cell.arm.text)
        seed = f"-seed{cell.seed}" if cell.arm.depends_on_seed else ""
        return prepare_subset(
            _as_file_name(f"{text}-k{cell.size:g}{seed}"),
            self.data.train,
            self.embeddings() if cell.arm.needs_embeddings else None,
            self.folder,
            dataclasses.replace(cell.arm.selection, n_samples=cell.size),
            seed=cell.seed,
            encoded=None if self._pays_for_decoding(cell.arm) else self._encoded,
        )

    def _decoding_seconds(self, arm: ArmSpec) -> dict[str, float]:
        if not self._pays_for_decoding(arm):
            return {}
        return {_DECODING: self.folder.stage_seconds[_DECODING]}

    def _embedding_seconds(self, arm: ArmSpec) -> dict[str, float]:
        if not arm.needs_embeddings:
            return {}
        seconds = self.folder.stage_seconds
        return {stage: seconds[stage] for stage in _EMBEDDING_STAGES if stage in seconds}

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
