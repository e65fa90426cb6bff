"""The distilled sets that the arms of an experiment train on, each made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.data import open_dataset
from thinset.distillation.distill import require_distillable
from thinset.experiments.distillation import distilled_name
from thinset.experiments.prepare.distilled import distill_and_keep
from thinset.experiments.prepare.gan_arms import GanImages, require_term
from thinset.experiments.prepare.subsets import Made, select_rows
from thinset.selection.arguments import as_count
from thinset.training.loop.stored_run import StoredRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    import numpy as np

    from thinset.data import Dataset
    from thinset.experiments.distillation import DistillationSettings
    from thinset.experiments.generation import GenerationSettings
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import TrainingSettings
    from thinset.results.arm import Arm
    from thinset.results.distillation_rule import DistillationRule


def prepare_distilled(
    rule: DistillationRule,
    n_images: int,
    data: Dataset,
    embeddings: Callable[[], np.ndarray[Any, Any]],
    folder: RunFolder,
    *,
    settings: DistillationSettings,
    generation: GenerationSettings,
    training: TrainingSettings,
    seed: int,
    device: str,
    show_progress: bool,
) -> Made:
    """`n_images` images learned from `data`, once for each seed modulo settings.n_seeds.

    They are learned for the classifier of `training`. `generation`: of the GAN that images are
    drawn from, with the methods that have one. `embeddings`: called if the images start from a
    selection. Raises ValueError for a number of images that is not a multiple of the classes.
    """
    per_class = images_per_class(n_images, data)
    if rule.generator is not None:
        images = GanImages(
            data, embeddings, folder, generation, settings.evaluations, device, show_progress
        )
        return images.made(rule, settings.of(rule, training), per_class, seed=seed)
    own_seed = seed % settings.n_seeds
    name = distilled_name(rule, n_images, own_seed)
    path, stage = folder.subset(name), f"distilling ({name})"
    checkpoint = folder.checkpoint(name)
    if not folder.is_made(path, stage):
        rows = None
        if rule.selection is not None:
            selected = select_rows(embeddings(), data, rule.selection, n_images, seed=own_seed)
            rows = selected.indices
        with folder.making(path, stage) as partial:
            distill_and_keep(
                data,
                partial,
                settings=settings.of(rule, training),
                images_per_class=per_class,
                n_images=None,
                init=rule.init,
                rows=rows,
                length=None,
                validation=None,
                checkpoint=checkpoint,
                observe=None,
                seed=own_seed,
                device=device,
                evaluations=settings.evaluations,
                show_progress=show_progress,
            )
        # Those of the history, not of the clock: they include the time before an interruption.
        folder.add_stage_seconds(stage, StoredRun.read(checkpoint).history.seconds)
        checkpoint.unlink()
    return Made(open_dataset(path), {"distilling": folder.stage_seconds[stage]})


def require_distilled_arms(
    arms: Iterable[Arm],
    sizes: Iterable[float],
    data: Dataset,
    settings: DistillationSettings,
    training: TrainingSettings,
    *,
    device: str,
) -> None:
    """Raise ValueError, naming the arm, unless its images can be learned from `data`.

    In a grid of many trainings, a mistake shows before the first.
    """
    for arm in arms:
        if arm.distilled is None:
            continue
        for size in sizes:
            n_images = as_count(size, len(data))
            rule = arm.distilled
            try:
                if rule.generator is not None:
                    images_per_class(n_images, data)
                    require_term(settings.of(rule, training), data)
                    continue
                require_distillable(
                    data,
                    settings=settings.of(arm.distilled, training),
                    images_per_class=images_per_class(n_images, data),
                    starts_from_real=arm.distilled.init != "noise",
                    device=device,
                )
            except ValueError as error:
                raise ValueError(f"{arm}: {error}") from error


def images_per_class(n_images: int, data: Dataset) -> int:
    """How many images of each class there are; ValueError if that is not a whole number."""
    per_class, rest = divmod(n_images, data.n_classes)
    if rest or per_class < 1:
        nearest = max(1, round(n_images / data.n_classes)) * data.n_classes
        raise ValueError(
            f"the size of a distilled set must be a multiple of the {data.n_classes} classes, "
            f"got {n_images}; give --sizes {nearest}"
        )
    return per_class
