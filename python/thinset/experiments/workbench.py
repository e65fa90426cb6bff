"""Data, embeddings and subsets of one folder, and trainings on them."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.experiments.cells import as_file_name
from thinset.experiments.prepare.preparation import (
    TrainAndTest,
    embedding_seconds,
    prepare_data,
    prepare_decoded,
    prepare_distinct,
    prepare_embeddings,
    prepare_encoded,
    prepare_given_subset,
    prepare_subset,
    prepare_variant,
)
from thinset.experiments.run_folder import RunFolder, identity_of
from thinset.experiments.settings import DataSettings
from thinset.experiments.trial import Trial, fine_tuning_order, train_and_keep
from thinset.selection.arguments import as_count
from thinset.training import (
    NoTimeLeftError,
    RepeatedRandom,
    SampleWeights,
    TrainingDivergedError,
)
from thinset.training.precision import resolve_device

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from thinset.data import Dataset, EncodedDataset
    from thinset.experiments.arms import ArmSpec
    from thinset.experiments.cells import Cell
    from thinset.experiments.prepare.preparation import Distinct, Subset
    from thinset.experiments.settings import TrainingSettings
    from thinset.results import RunRecord

_FIXED = tuple(field.name for field in dataclasses.fields(DataSettings))
_DECODING = "decoding everything"


@dataclasses.dataclass(frozen=True)
class Where:
    """Where data come from and results go to, and how it is run.

    image_size: (height, width) that images are resized to on import; None leaves it to the import.
    """

    source: str
    out: str | os.PathLike[str]
    device: str = "auto"
    command: str = ""
    show_progress: bool = False
    image_size: tuple[int, int] | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What a run folder keeps of it, and takes no other of later."""
        return identity_of(self.source, self.device, self.image_size)


class Workbench:
    """What the trainings of one folder share; each part is made when it is first wanted, once.

    The folder keeps the settings of the data and those named by `fixed`, and takes no others later;
    the rest of `settings` is the grid, which may grow. `figure` names the recipe, for the record.
    """

    def __init__(
        self, where: Where, settings: DataSettings, *, fixed: Sequence[str], figure: str
    ) -> None:
        self._where = where
        self.device = where.device
        resolve_device(where.device)  # a mistake must not leave a folder
        grid = asdict(settings)
        stays = {name: grid.pop(name) for name in (*_FIXED, *fixed)}
        self.folder = RunFolder(
            Path(where.out),
            {**where.identity, "settings": stays},
            notes={"command": where.command, "figure": figure, "grid": grid},
        )
        data = prepare_data(
            where.source,
            self.folder,
            hold_out_share=settings.hold_out,
            on_validation=settings.on_validation,
            image_size=where.image_size,
            show_progress=where.show_progress,
        )
        self.data: TrainAndTest = prepare_variant(data, settings.variant, self.folder)
        self._encoder = settings.encoder.resolved_for(self.data.train.image_shape)
        self.encoded: EncodedDataset | None = None
        if settings.from_encoded:
            self.encoded = prepare_encoded(
                where.source,
                self.data.train,
                self.folder,
                settings.photograph_side,
                where.image_size,
            )

    def images(self) -> Dataset:
        """The training images as they lie or, where they are encoded, decoded once."""
        if self.encoded is None:
            return self.data.train
        return prepare_decoded(self.encoded, self.folder, stage=_DECODING)

    def embeddings(self) -> np.ndarray[Any, Any]:
        """The embedding matrix that subsets are selected from, computed once."""
        return prepare_embeddings(
            self.images(),
            self.folder,
            self._encoder,
            device=self.device,
            show_progress=self._where.show_progress,
        )

    def train_missing(
        self,
        trainings: Mapping[str, Callable[[], object]],
        note: Callable[[str], None] | None = None,
    ) -> None:
        """Call those of `trainings` whose record, named by the key, is not there yet.

        `note` is called for each one. A training whose preparation takes all of its budget, or
        whose loss is no longer a number, is left out: the folder records why, and later calls skip
        it.
        """
        done = self.folder.left_out
        missing = [
            name for name in trainings if name not in done and not self.folder.record(name).exists()
        ]
        for number, name in enumerate(missing, start=1):
            if note is not None:
                note(f"training {number} of {len(missing)}: {name}")
            try:
                trainings[name]()
            except (NoTimeLeftError, TrainingDivergedError) as error:
                self.folder.leave_out(name, str(error))
                if note is not None:
                    note(f"left out: {error}")

    def train(
        self,
        cell: Cell,
        training: TrainingSettings,
        name: str,
        first_phase: Path | None = None,
        *,
        weights: Path | None = None,
        planning_seconds: Mapping[str, float] | None = None,
    ) -> RunRecord:
        """Train one cell; `name` is that of its record, which is kept.

        The model is kept, too, where `weights` are given. `planning_seconds`, by stage, count as
        preparation.
        """
        trial = self._trial(cell, name)
        if planning_seconds is not None:
            seconds = {**planning_seconds, **trial.preparation_seconds}
            trial = dataclasses.replace(trial, preparation_seconds=seconds)
        return train_and_keep(
            trial,
            self._full_of(cell.arm),
            self.data.test,
            training.resolved_for(self.data.train.image_shape),
            self.folder,
            device=self.device,
            command=self._where.command,
            first_phase_path=first_phase,
            weights_path=weights,
            show_progress=self._where.show_progress,
        )

    def _full_of(self, arm: ArmSpec) -> Dataset | EncodedDataset:
        """What `arm` trains on beside its subset: encoded images, where it has not decoded all."""
        if arm.distinct is not None:
            return self._distinct(arm.distinct).data
        if self.encoded is None or self._pays_for_decoding(arm):
            return self.images()
        return self.encoded

    def _pays_for_decoding(self, arm: ArmSpec) -> bool:
        return self.encoded is not None and (arm.needs_embeddings or bool(arm.resident))

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
            fine_tuning_order=fine_tuning_order(arm),
            resident=arm.resident,
        )
        if arm.distinct is not None:
            left = self._distinct(arm.distinct)
            return dataclasses.replace(
                trial,
                n_subset=len(left.data),
                n_full=n_full,
                preparation_seconds={
                    **self._decoding_seconds(arm),
                    **embedding_seconds(self.folder),
                    **left.seconds,
                },
            )
        if arm.is_repeated:
            assert cell.size is not None
            n_samples = as_count(cell.size, n_full)
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
                    **(embedding_seconds(self.folder) if arm.needs_embeddings else {}),
                    **subset.seconds,
                },
            )
        return trial

    def _distinct(self, share: float) -> Distinct:
        return prepare_distinct(self.images(), self.embeddings(), self.folder, share)

    def _subset(self, cell: Cell) -> Subset:
        if cell.arm.file is not None:
            return prepare_given_subset(
                as_file_name(cell.arm.text), self.images(), self.folder, cell.arm.file
            )
        assert cell.arm.selection is not None
        assert cell.size is not None
        encoded = None if self._pays_for_decoding(cell.arm) else self.encoded
        # Arms that differ in their training alone share a subset.
        text = re.sub(r":then=\w+|:weighted", "", cell.arm.text)
        seed = f"-seed{cell.seed}" if cell.arm.depends_on_seed else ""
        return prepare_subset(
            as_file_name(f"{text}-k{cell.size!r}{seed}"),
            self.images() if encoded is None else self.data.train,
            self.embeddings() if cell.arm.needs_embeddings else None,
            self.folder,
            dataclasses.replace(cell.arm.selection, n_samples=cell.size),
            seed=cell.seed,
            encoded=encoded,
        )

    def _decoding_seconds(self, arm: ArmSpec) -> dict[str, float]:
        if not self._pays_for_decoding(arm):
            return {}
        self.images()
        return {_DECODING: self.folder.stage_seconds[_DECODING]}
