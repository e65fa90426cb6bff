"""Data, embeddings and subsets of one folder, and trainings on them."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from thinset.recipes.cells import as_file_name
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
from thinset.recipes.trial import Trial, train
from thinset.report.records import RunRecord
from thinset.training import LossPruning, RepeatedRandom, SampleWeights

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from thinset.data import Dataset, EncodedDataset
    from thinset.recipes.arms import ArmSpec
    from thinset.recipes.cells import Cell
    from thinset.recipes.preparation import Subset
    from thinset.recipes.run_folder import RunFolder
    from thinset.recipes.schema import DataSettings, TrainingSettings

_DECODING = "decoding everything"
_EMBEDDING_STAGES = ("encoder training", "encoding", "principal components")


class Workbench:
    """What the trainings of one folder share; each part is made when it is first wanted, once."""

    def __init__(
        self,
        source: str,
        folder: RunFolder,
        settings: DataSettings,
        *,
        device: str,
        command: str,
        show_progress: bool,
    ) -> None:
        self.folder = folder
        self._device = device
        self._command = command
        self._show_progress = show_progress
        data = prepare_data(
            source,
            folder,
            hold_out_share=settings.hold_out,
            on_validation=settings.on_validation,
            show_progress=show_progress,
        )
        self.data: TrainAndTest = prepare_variant(data, settings.variant, folder)
        self._encoder = settings.encoder.resolved_for(self.data.train.image_shape)
        self._encoded: EncodedDataset | None = None
        if settings.from_encoded:
            self._encoded = prepare_encoded(
                source, self.data.train, folder, settings.photograph_side
            )
            self.data = self.data._replace(
                train=prepare_decoded(self._encoded, folder, stage=_DECODING)
            )

    def embeddings(self) -> np.ndarray[Any, Any]:
        """The embedding matrix that subsets are selected from, computed once."""
        return prepare_embeddings(
            self.data.train,
            self.folder,
            self._encoder,
            seed=0,
            device=self._device,
            show_progress=self._show_progress,
        )

    def train(
        self, cell: Cell, training: TrainingSettings, name: str, first_phase: Path | None = None
    ) -> RunRecord:
        """Train one cell, or load its record where it is trained; `name` is that of the record."""
        path = self.folder.record(name)
        if path.exists():
            return RunRecord.load(path)
        checkpoint = self.folder.checkpoint(name)
        _, record = train(
            self._trial(cell, name),
            self._full_of(cell.arm),
            self.data.test,
            training.resolved_for(self.data.train.image_shape),
            device=self._device,
            command=self._command,
            checkpoint_path=checkpoint,
            first_phase_path=first_phase,
            show_progress=self._show_progress,
        )
        record.save(path)
        checkpoint.unlink(missing_ok=True)
        return record

    def _full_of(self, arm: ArmSpec) -> Dataset | EncodedDataset:
        """What `arm` trains on beside its subset: encoded images, where it has not decoded all."""
        if self._encoded is None or self._pays_for_decoding(arm):
            return self.data.train
        return self._encoded

    def _pays_for_decoding(self, arm: ArmSpec) -> bool:
        return self._encoded is not None and (arm.needs_embeddings or bool(arm.resident))

    def _trial(self, cell: Cell, name: str) -> Trial:
        arm = cell.arm
        n_full = len(self.data.train)
        trial = Trial(
            name=name,
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
                fast_order=SampleWeights(subset.selection.gains) if arm.is_weighted else None,
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
                as_file_name(cell.arm.text), self.data.train, self.folder, cell.arm.file
            )
        assert cell.arm.selection is not None
        assert cell.size is not None
        # Arms that differ in their training alone share a subset.
        text = re.sub(r":then=\w+|:weighted", "", cell.arm.text)
        seed = f"-seed{cell.seed}" if cell.arm.depends_on_seed else ""
        return prepare_subset(
            as_file_name(f"{text}-k{cell.size:g}{seed}"),
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
