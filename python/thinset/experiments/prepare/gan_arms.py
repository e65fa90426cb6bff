"""The images that arms get through a GAN: the GAN once for a term, then the images or a search."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.data import open_dataset
from thinset.distillation.through_gan.settings import LatentSettings
from thinset.distillation.through_gan.terms import GradientTerm, weighted_term
from thinset.experiments.distillation import distilled_name
from thinset.experiments.prepare.generated import Variant, generator_stage, prepare_generator
from thinset.experiments.prepare.subsets import Made, select_rows
from thinset.experiments.prepare.through_gan import draw_distilled, search_latents
from thinset.training.loop.stored_run import StoredRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    import numpy as np

    from thinset.augmentation.trained_generator import TrainedGenerator
    from thinset.data import Dataset
    from thinset.distillation.through_gan.settings import TermSettings
    from thinset.experiments.generation import GenerationSettings
    from thinset.experiments.run_folder import RunFolder
    from thinset.results.distillation_rule import DistillationRule


@dataclass(frozen=True)
class GanImages:
    """The images that arms get through GANs, and these GANs, each made once.

    data: what the GANs are trained on. embeddings: called if a search starts from selected images.
    generation: of the GANs, which are trained once for each seed modulo generation.n_seeds; images
    of other seeds are other draws from the same GAN. evaluations: in a search.
    """

    data: Dataset
    embeddings: Callable[[], np.ndarray[Any, Any]]
    folder: RunFolder
    generation: GenerationSettings
    evaluations: int
    device: str
    show_progress: bool

    def made(
        self,
        rule: DistillationRule,
        settings: TermSettings | LatentSettings,
        images_per_class: int,
        *,
        seed: int,
    ) -> Made:
        """`images_per_class` images by `rule`, whose settings are `settings`."""
        assert rule.generator is not None
        name = distilled_name(rule, images_per_class * self.data.n_classes, seed)
        path, stage = self.folder.subset(name), f"distilling ({name})"
        gan_seed = seed % self.generation.n_seeds
        is_made = self.folder.is_made(path, stage)
        if isinstance(settings, LatentSettings):
            gan_stage = generator_stage(rule.generator, gan_seed)
            if not is_made:
                self._search(rule, settings, images_per_class, seed, path=path, stage=stage)
        else:
            gan_stage = generator_stage(str(rule), gan_seed)
            if not is_made:
                term = functools.partial(weighted_term, settings, self.data)
                model = self._gan(rule, seed, Variant(str(rule), term))
                with self.folder.making(path, stage) as partial:
                    draw_distilled(
                        model,
                        partial,
                        settings=settings,
                        images_per_class=images_per_class,
                        seed=seed,
                        device=self.device,
                        show_progress=self.show_progress,
                    )
        stages = {"training the generator": gan_stage, "distilling": stage}
        seconds = {name: self.folder.stage_seconds[own] for name, own in stages.items()}
        return Made(open_dataset(path), seconds)

    def _gan(
        self, rule: DistillationRule, seed: int, variant: Variant | None = None
    ) -> TrainedGenerator:
        assert rule.generator is not None
        return prepare_generator(
            rule.generator,
            self.data,
            self.folder,
            self.generation,
            seed=seed,
            device=self.device,
            variant=variant,
            show_progress=self.show_progress,
        )

    def _search(
        self,
        rule: DistillationRule,
        settings: LatentSettings,
        images_per_class: int,
        seed: int,
        *,
        path: Path,
        stage: str,
    ) -> None:
        model = self._gan(rule, seed)
        rows = None
        if rule.selection is not None:
            n_images = images_per_class * self.data.n_classes
            selected = select_rows(
                self.embeddings(), self.data, rule.selection, n_images, seed=seed
            )
            rows = selected.indices
        checkpoint = self.folder.checkpoint(path.name)
        with self.folder.making(path, stage) as partial:
            search_latents(
                model,
                self.data,
                partial,
                settings=settings,
                images_per_class=images_per_class,
                init=rule.init,
                rows=rows,
                checkpoint=checkpoint,
                seed=seed,
                device=self.device,
                evaluations=self.evaluations,
                show_progress=self.show_progress,
            )
        if checkpoint.exists():  # a search of no steps has none
            self.folder.add_stage_seconds(stage, StoredRun.read(checkpoint).history.seconds)
            checkpoint.unlink()


def require_term(settings: TermSettings | LatentSettings, data: Dataset) -> None:
    """Raise ValueError unless the evaluation network fits `data`."""
    if not isinstance(settings, LatentSettings):
        GradientTerm(settings, data)
