"""Generators, and the images that an experiment trains on beside real ones or instead of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from thinset.experiments.prepare.generated import (
    generator_stage,
    prepare_augmented,
    prepare_generated,
    prepare_generator,
)
from thinset.experiments.prepare.kept import (
    CLASSIFIER_STAGE,
    ScoresInTraining,
    prepare_classifier,
    prepare_kept,
)
from thinset.experiments.prepare.subsets import Made

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.augmentation.trained_generator import TrainedGenerator
    from thinset.data import Dataset
    from thinset.experiments.generation import GenerationSettings
    from thinset.experiments.prepare.kept import RealClassifier
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import TrainingSettings
    from thinset.results import Arm


class ArtificialImages:
    """The artificial images of one folder; each set is made once, on first use.

    `images` gives the training data, on which generators and the classifier that keeps and measures
    their images are trained. `training`: of that classifier, which is scored on `test`. `judge`:
    gives another classifier, which scores the training of generators instead.
    """

    def __init__(
        self,
        images: Callable[[], Dataset],
        test: Dataset,
        folder: RunFolder,
        settings: GenerationSettings,
        training: TrainingSettings,
        *,
        judge: Callable[[], RealClassifier] | None = None,
        device: str,
        show_progress: bool,
    ) -> None:
        self._judge = judge or self.classifier
        self._images = images
        self._test = test
        self._folder = folder
        self._settings = settings
        self._training = training
        self._device = device
        self._show_progress = show_progress

    def beside(self, data: Dataset, arm: Arm, seed: int, *, key: str = "full") -> Made:
        """The samples of `data`, then one image for each of them, as the arm's `augment` says.

        `key` names `data` in the folder.
        """
        assert arm.augment is not None
        name = arm.generator
        return prepare_augmented(
            arm.augment,
            data,
            self._folder,
            None if name is None else functools.partial(self.generator, name, seed),
            key=key,
            seed=seed,
            device=self._device,
            show_progress=self._show_progress,
        )

    def instead(self, arm: Arm, n_images: int, seed: int) -> Made:
        """`n_images` images by the arm's generator, the best of more if the arm keeps some."""
        assert arm.generated is not None
        drawn = prepare_generated(
            arm.generated,
            n_images * (1 if arm.keep is None else self._settings.candidates),
            self._folder,
            functools.partial(self.generator, arm.generated, seed),
            seed=seed,
            device=self._device,
            show_progress=self._show_progress,
        )
        if arm.keep is None:
            return drawn
        kept = prepare_kept(
            drawn.data, n_images, self._images(), self.classifier(), self._folder, keep=arm.keep
        )
        return Made(kept.data, {**drawn.seconds, **kept.seconds})

    def generator(self, name: str, seed: int) -> TrainedGenerator:
        """The generator `name`, trained on the training data once for each of its seeds."""
        observe = None
        if self._settings.n_scored > 0:
            observe = ScoresInTraining(self._judge(), self._images(), self._settings.n_scored)
        return prepare_generator(
            name,
            self._images(),
            self._folder,
            self._settings,
            seed=seed,
            device=self._device,
            observe=observe,
            show_progress=self._show_progress,
        )

    def classifier(self) -> RealClassifier:
        """The classifier that keeps and measures generated images, trained once."""
        return prepare_classifier(
            self._images(),
            self._test,
            self._training,
            self._settings.classifier_length,
            self._folder,
            device=self._device,
            show_progress=self._show_progress,
        )

    def generator_seconds(self, arm: Arm, seed: int) -> dict[str, float]:
        """Seconds of what the images of `arm` needed, by stage; empty without a generator."""
        name = arm.generator
        if name is None:
            return {}
        stage = generator_stage(name, seed % self._settings.n_seeds)
        seconds = {"training the generator": self._folder.stage_seconds[stage]}
        if arm.keep is not None:
            seconds["training the classifier"] = self._folder.stage_seconds[CLASSIFIER_STAGE]
        return seconds
