"""The engine of every experiment: prepares data, embeddings and subsets, trains and records.

An experiment defines its cells; their data, embeddings and subsets are made here, once, in its
folder.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.experiments.artificial import ArtificialImages
from thinset.experiments.cells import as_unique_file_name
from thinset.experiments.classifier import require_model
from thinset.experiments.finished import store_shown
from thinset.experiments.prepare.data import (
    Splits,
    decoded_for,
    prepare_decoded,
    prepare_encoded,
    prepare_parts,
    prepare_splits,
    prepare_variant,
    require_encoded,
)
from thinset.experiments.prepare.distilled_arms import prepare_distilled, require_distilled_arms
from thinset.experiments.prepare.embeddings import (
    embedding_facts,
    embedding_seconds,
    prepare_embeddings,
    reconstructions,
    require_encoder,
)
from thinset.experiments.prepare.subsets import (
    Subset,
    prepare_added,
    prepare_distinct,
    prepare_given_data,
    prepare_given_subset,
    prepare_subset,
    prepare_weights,
    require_given,
)
from thinset.experiments.replayed import replays, require_replayable_arms
from thinset.experiments.resized import require_resizable_arms
from thinset.experiments.run_folder import RunFolder, finished_records
from thinset.experiments.settings import DataSettings, TrainingSettings, require_valid
from thinset.experiments.trial import (
    Trial,
    fine_tuning_order,
    require_countable_arms,
    train_and_keep,
)
from thinset.files.decoding import encode
from thinset.report import require_report_extra
from thinset.selection.arguments import as_count
from thinset.training import (
    NoTimeLeftError,
    RepeatedRandom,
    SampleWeights,
    TrainingDivergedError,
)
from thinset.training.precision import resolve_device

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from thinset.data import Dataset, EncodedDataset
    from thinset.experiments.cells import Cell
    from thinset.experiments.prepare.kept import RealClassifier
    from thinset.experiments.prepare.subsets import Made
    from thinset.experiments.where import Where
    from thinset.results import Arm, RunRecord
    from thinset.results.distillation_rule import DistillationRule

_FIXED = tuple(field.name for field in dataclasses.fields(DataSettings))
_DECODING = "decoding everything"


class Workbench:
    """The parts that the trainings of one folder share; each is made once, on first use.

    The folder fixes the settings of the data and those named by `fixed`; the rest of `settings` is
    the grid, which may grow. `figure` names the recipe, for the record. `data`: the splits, if they
    are prepared already; by default they are prepared in the folder. `judge`: see ArtificialImages.
    """

    def __init__(
        self,
        where: Where,
        settings: DataSettings,
        *,
        fixed: Sequence[str],
        figure: str,
        data: Splits | None = None,
        judge: Callable[[], RealClassifier] | None = None,
    ) -> None:
        self._where = where
        self.device = where.device
        # Check first, so that mistakes leave no folder.
        require_report_extra()  # the page comes last, after hours of training
        require_valid(settings)
        resolve_device(where.device)
        require_encoder(settings.encoder)
        require_model(settings.training.model if hasattr(settings, "training") else None)
        grid = encode(settings)
        stays = {name: grid.pop(name) for name in dict.fromkeys((*_FIXED, *fixed))}
        self.folder = RunFolder(
            Path(where.out),
            {**where.identity, "settings": stays},
            notes={"command": where.command, "figure": figure, "grid": grid},
        )
        self.data = self._prepared(settings, data)
        with self.folder.removed_if_refused():
            require_given(getattr(settings, "arms", ()), self.data.train)
        training = getattr(settings, "training", TrainingSettings())
        self._training = training.resolved_for(self.data.train.image_shape)
        self._distillation, self._generation = settings.distillation, settings.generation
        require_distilled_arms(
            getattr(settings, "arms", ()),
            getattr(settings, "sizes", ()),
            self.data.train,
            self._distillation,
            self._training,
            device=self.device,
        )
        require_countable_arms(getattr(settings, "arms", ()), self.data.train)
        require_resizable_arms(getattr(settings, "arms", ()), self.data.train, self._training)
        require_replayable_arms(
            getattr(settings, "arms", ()),
            self.data.train,
            self._training,
            splits=getattr(settings, "splits", ()),
            totals=getattr(settings, "totals", ()),
        )
        self.artificial = ArtificialImages(
            self.images,
            self.data.test,
            self.folder,
            settings.generation,
            self._training,
            judge=judge,
            device=self.device,
            show_progress=where.show_progress,
        )
        self._encoder = settings.encoder.resolved_for(self.data.train.image_shape)
        self._embeddings: np.ndarray[Any, Any] | None = None
        self.encoded: EncodedDataset | None = None
        if settings.from_encoded:
            self.encoded = prepare_encoded(
                where.source,
                self.data.train,
                self.folder,
                settings.photograph_side,
                where.image_size,
            )
        for arm in getattr(settings, "arms", ()):
            require_encoded(arm, self.encoded, where.source)
        if self._encoder.kind == "given" and self.encoded is None:
            # Now, not after the trainings that need no embeddings. The folder stays: data that were
            # split there tell which rows are needed.
            self.embeddings()

    def _prepared(self, settings: DataSettings, data: Splits | None) -> Splits:
        where = self._where
        if data is None:
            with self.folder.removed_if_refused():
                data = prepare_splits(where, settings, self.folder)
        data = prepare_parts(
            data,
            self.folder,
            validation=settings.validation,
            share=settings.share,
            seed=settings.split_seed,
        )
        if settings.keeps_best and data.validation is None:
            raise ValueError(
                f'training.keep = "best" needs validation data, but {where.source} has none; '
                "set validation to a count or a fraction of the training data"
            )
        data = prepare_variant(data, settings.variant, self.folder)
        for part, dataset in zip(("training", "test", "validation"), data, strict=True):
            if dataset is not None:
                name = f"the {part} data of {where.source}"
                self.folder.require_unchanged(name, dataset.fingerprint)
        return data

    def images(self) -> Dataset:
        """The training images as stored or, if they are encoded, decoded once."""
        if self.encoded is None:
            return self.data.train
        return prepare_decoded(self.encoded, self.folder, stage=_DECODING)

    def embeddings(self) -> np.ndarray[Any, Any]:
        """The embedding matrix that subsets are selected from, computed once."""
        if self._embeddings is None:
            self._embeddings = prepare_embeddings(
                self.images(),
                self.folder,
                self._encoder,
                device=self.device,
                show_progress=self._where.show_progress,
            )
        return self._embeddings

    def store_shown(self) -> None:
        """Store what pages show of the embeddings and, if there is one, of the autoencoder."""
        facts = embedding_facts(self.embeddings())
        shown = reconstructions(self.folder, self.data.train, self._encoder)
        store_shown(self.folder.path, facts, shown)

    def train_missing(
        self,
        trainings: Mapping[str, Callable[[], object]],
        note: Callable[[str], None] | None = None,
        *,
        leave_out: bool = True,
        after_each: Callable[[], object] | None = None,
    ) -> None:
        """Call those of `trainings` whose record, named by the key, does not exist yet.

        `note` is called for each one. A training whose preparation uses up its budget, or whose
        loss is no longer finite, is skipped: the folder records why, and later calls skip it too.
        Without `leave_out` it raises NoTimeLeftError or TrainingDivergedError instead. `after_each`
        is called after each finished training.
        """
        done = {**self.folder.left_out, **finished_records(self.folder.path, trainings)}
        missing = [name for name in trainings if name not in done]
        for number, name in enumerate(missing, start=1):
            if note is not None:
                note(f"training {number} of {len(missing)}: {name}")
            try:
                trainings[name]()
                if after_each is not None:
                    after_each()
            except (NoTimeLeftError, TrainingDivergedError) as error:
                if not leave_out:
                    raise
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
        """Train one cell and store its record under `name`.

        The model is stored too if `weights` is given. `planning_seconds`, by stage, count as
        preparation.
        """
        trial = self._trial(cell, name)
        if planning_seconds is not None:
            seconds = {**planning_seconds, **trial.preparation_seconds}
            trial = dataclasses.replace(trial, preparation_seconds=seconds)
        return train_and_keep(
            trial,
            self._full_of(cell),
            self.data.test,
            training.resolved_for(self.data.train.image_shape),
            self.folder,
            device=self.device,
            command=self._where.command,
            validation=self.data.validation,
            first_phase_path=first_phase,
            weights_path=weights,
            show_progress=self._where.show_progress,
        )

    def _full_of(self, cell: Cell) -> Dataset | EncodedDataset:
        """The full data of an arm: encoded images, unless it has decoded all of them."""
        arm = cell.arm
        if arm.augment is not None and not arm.has_fast_phase:
            return self.artificial.beside(self.images(), arm, cell.seed).data
        if arm.added is not None:
            return self._added(arm).data
        if arm.distinct is not None:
            return self._distinct(arm.distinct).data
        if self.encoded is None or self._pays_for_decoding(arm):
            return self.images()
        return decoded_for(arm, self.encoded)

    def _pays_for_decoding(self, arm: Arm) -> bool:
        return self.encoded is not None and (
            arm.needs_embeddings or arm.is_resident or arm.needs_images
        )

    def _trial(self, cell: Cell, name: str) -> Trial:
        arm = cell.arm
        trial = Trial(
            name=name,
            arm=arm,
            comparison=cell.comparison,
            seed=cell.seed,
            total=cell.total,
            split=cell.split,
            n_full=len(self.data.train),
            preparation_seconds=self._decoding_seconds(arm),
            fine_tuning_order=fine_tuning_order(arm),
        )
        if arm.augment is not None and not arm.has_fast_phase:
            made = self.artificial.beside(self.images(), arm, cell.seed)
            return _after(trial, self.artificial.generator_seconds(arm, cell.seed), made.seconds)
        if arm.added is not None:
            return _after(trial, self._added(arm).seconds)
        if arm.distinct is not None:
            left = self._distinct(arm.distinct)  # first, because it makes the embeddings
            return _after(trial, self._embedding_seconds(arm), left.seconds)
        if arm.down_weighted is not None:
            weights, seconds = prepare_weights(self.embeddings(), self.folder, arm.down_weighted)
            trial = dataclasses.replace(trial, fine_tuning_order=weights)
            return _after(trial, self._embedding_seconds(arm), seconds)
        if arm.is_repeated:
            assert cell.size is not None
            n_samples = as_count(cell.size, len(self.data.train))
            return dataclasses.replace(
                trial, n_samples=n_samples, fast_order=RepeatedRandom(n_samples)
            )
        if not arm.has_fast_phase:
            return trial
        subset = self.subset(cell)
        cluster_sizes = None
        if arm.is_weighted:
            assert subset.selection is not None
            cluster_sizes = SampleWeights(subset.selection.gains)
        trial = dataclasses.replace(
            trial,
            subset=subset.data,
            n_samples=len(subset.data),
            fast_order=cluster_sizes,
            replays=replays(arm),
            new_weights=arm.has_new_weights,
        )
        return _after(
            trial,
            self._embedding_seconds(arm),
            self.artificial.generator_seconds(arm, cell.seed),
            subset.seconds,
        )

    def _embedding_seconds(self, arm: Arm) -> dict[str, float]:
        return embedding_seconds(self.folder) if arm.needs_embeddings else {}

    def _distinct(self, share: float) -> Made:
        return prepare_distinct(self.images(), self.embeddings(), self.folder, share)

    def _added(self, arm: Arm) -> Made:
        assert arm.added is not None
        return prepare_added(self.images(), Path(arm.added), self.folder)

    def subset(self, cell: Cell) -> Subset:
        """The samples that the fast phase of `cell` trains on, prepared once."""
        arm = cell.arm
        if arm.generated is not None:
            assert cell.size is not None
            n_images = as_count(cell.size, len(self.data.train))
            return Subset(None, *self.artificial.instead(arm, n_images, cell.seed))
        if arm.distilled is not None:
            assert cell.size is not None
            return Subset(None, *self._distilled(arm.distilled, cell.size, cell.seed))
        if arm.data is not None:
            return prepare_given_data(self.data.train, Path(arm.data), self.folder)
        if arm.file is not None:
            name = as_unique_file_name(f"file:{arm.file}")
            return prepare_given_subset(name, self.images(), self.folder, Path(arm.file))
        assert arm.rule is not None
        assert cell.size is not None
        encoded = None if self._pays_for_decoding(arm) else self.encoded
        subset = prepare_subset(
            cell.selection_name,
            self.images() if encoded is None else self.data.train,
            self.embeddings() if arm.needs_embeddings else None,
            self.folder,
            rule=arm.rule,
            size=cell.size,
            seed=cell.seed,
            encoded=encoded,
        )
        if arm.augment is None:
            return subset
        made = self.artificial.beside(subset.data, arm, cell.seed, key=cell.selection_name)
        return Subset(subset.selection, made.data, {**subset.seconds, **made.seconds})

    def _distilled(self, rule: DistillationRule, size: float, seed: int) -> Made:
        return prepare_distilled(
            rule,
            as_count(size, len(self.data.train)),
            self.images(),
            self.embeddings,
            self.folder,
            settings=self._distillation,
            generation=self._generation,
            training=self._training,
            seed=seed,
            device=self.device,
            show_progress=self._where.show_progress,
        )

    def _decoding_seconds(self, arm: Arm) -> dict[str, float]:
        if not self._pays_for_decoding(arm):
            return {}
        self.images()
        return {_DECODING: self.folder.stage_seconds[_DECODING]}


def _after(trial: Trial, *seconds: Mapping[str, float]) -> Trial:
    """The same training with additional preparation seconds, by stage."""
    spent = {**trial.preparation_seconds}
    for more in seconds:
        spent |= more
    return dataclasses.replace(trial, preparation_seconds=spent)
