"""The trainings, generators and measures at each size of the training data."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thinset.augmentation.train import trained_classes
from thinset.experiments.augmentation_settings import measuring, showing
from thinset.experiments.kinds.augmentation import folder_of
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.prepare.data import prepare_parts, prepare_splits
from thinset.experiments.prepare.generated import n_shown, require_generators, shown_rows
from thinset.experiments.prepare.kept import Images
from thinset.experiments.prepare.measured import prepare_measures, require_measurable
from thinset.experiments.run_folder import RunFolder
from thinset.experiments.settings import DataSettings, require_valid
from thinset.experiments.shown_generators import (
    store_extractor,
    store_grid,
    stored_generator,
    weights_file,
)
from thinset.files.decoding import encode
from thinset.report import require_report_extra
from thinset.results.arm import Arm
from thinset.results.arm_options import generator_of
from thinset.training import TrainingDivergedError
from thinset.training.precision import resolve_device

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.experiments.augmentation_settings import AugmentationSettings
    from thinset.experiments.prepare.kept import RealClassifier
    from thinset.experiments.where import Where


class LearningCurve:
    """An experiment of the kind `augmentation` in its folder; the data are prepared once."""

    def __init__(self, where: Where, settings: AugmentationSettings, *, figure: str) -> None:
        # Check first, so that mistakes leave no folder.
        require_report_extra()
        require_valid(settings)
        resolve_device(where.device)
        self._where = where
        self._settings = settings
        self._figure = figure
        grid = encode(settings)
        fixed = (*(field.name for field in dataclasses.fields(DataSettings)), "n_train", "training")
        stays = {name: grid.pop(name) for name in fixed}
        folder = RunFolder(
            Path(where.out),
            {**where.identity, "settings": stays},
            notes={"command": where.command, "figure": figure, "grid": grid},
        )
        self._studies: dict[float, Study] = {}
        self._judge: RealClassifier | None = None
        with folder.removed_if_refused():
            splits = prepare_splits(where, settings, folder)
            validation = settings.validation
            if settings.n_train is not None and len(splits.train) > settings.n_train:
                validation = len(splits.train) - settings.n_train
            self._data = prepare_parts(
                splits,
                folder,
                validation=validation,
                share=1.0,  # each size takes its own of the rest
                seed=settings.split_seed,
            )
            self._require_smallest()

    def _require_smallest(self) -> None:
        """Raise ValueError if the smallest size cannot be trained on, shown or measured.

        Larger ones have no fewer samples of any class.
        """
        settings = self._settings
        train = self.at(min(settings.shares)).data.train
        images = (*settings.measured, *settings.shown)
        generators = settings.generation.of_names(map(generator_of, images))
        require_generators(train, settings.generation, generators)
        if settings.measured:
            require_measurable(train, n_artificial=len(train))

    def at(self, share: float) -> Study:
        """The trainings with this share of the training data."""
        if share not in self._studies:
            where = dataclasses.replace(self._where, out=folder_of(Path(self._where.out), share))
            self._studies[share] = Study(
                where,
                self._settings.at(share),
                figure=self._figure,
                data=self._data,
                # One for all sizes: FID by different classifiers cannot be compared.
                judge=self._classifier,
            )
        return self._studies[share]

    def train(self, share: float, note: Callable[[str], None]) -> None:
        """Train the arms that are missing at this size."""
        if self._settings.arms:
            self.at(share).train(note)

    def measure(self, share: float, note: Callable[[str], None]) -> None:
        """Measure the augmentations that are missing at this size.

        The features come from a classifier trained on the largest share, for all sizes.
        """
        for augmentation, seed in self._settings.measurements:
            note(f"measuring {augmentation} at {share:.3g} of the training data, seed {seed}")
            make = functools.partial(self._measure, share, augmentation, seed)
            self._make(share, measuring(augmentation, seed), make, note)

    def _measure(self, share: float, augmentation: str, seed: int) -> None:
        bench = self.at(share).bench
        arm = Arm(augment=augmentation)
        made = bench.artificial.beside(bench.images(), arm, seed)
        n_real = len(bench.data.train)
        assert made.data.labels is not None
        prepare_measures(
            augmentation,
            Images(made.data.images[n_real:], np.asarray(made.data.labels[n_real:])),
            bench.images(),
            self._classifier(),
            bench.folder,
            share=share,
            seed=seed,
            seconds=sum({**bench.artificial.generator_seconds(arm, seed), **made.seconds}.values()),
        )

    def _make(
        self, share: float, name: str, make: Callable[[], None], note: Callable[[str], None]
    ) -> None:
        """Call `make`; leave it out, now and later, if its generator diverges."""
        folder = self.at(share).folder
        if name in folder.left_out:
            return
        try:
            make()
        except TrainingDivergedError as error:
            folder.leave_out(name, str(error))
            note(f"left out: {error}")

    def _classifier(self) -> RealClassifier:
        if self._judge is None:
            bench = self.at(max(self._settings.shares)).bench
            self._judge = bench.artificial.classifier()
            store_extractor(bench.folder.path, self._judge.name)
        return self._judge

    def show(self, share: float, note: Callable[[str], None]) -> None:
        """Store the missing images of the generators' grids at this size."""
        seed = self._settings.shown_seed
        for name in self._settings.shown:
            stored = stored_generator(self.at(share).folder.path, name, seed)
            # Earlier versions drew classes without training images as well.
            if stored is None or len(stored.images) != n_shown(trained_classes(self._data.train)):
                make = functools.partial(self._show, share, name, seed)
                self._make(share, showing(name, seed), make, note)

    def _show(self, share: float, name: str, seed: int) -> None:
        bench = self.at(share).bench
        model = bench.artificial.generator(name, seed)
        images = shown_rows(model.generator, model.classes)
        store_grid(weights_file(bench.folder.path, name, seed), images)
