"""Trains generators and makes the images that an experiment adds or trains on, each once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from thinset.augmentation.apply import TRADITIONAL, augment
from thinset.augmentation.generate import generate, interpolate, require_same_kind
from thinset.augmentation.train import require_trainable, train_generator, trained_classes
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.data import join_datasets, open_dataset
from thinset.experiments.cells import as_file_name
from thinset.experiments.checkpoints import divergence_named
from thinset.experiments.generation import generated_name
from thinset.experiments.prepare.subsets import Made
from thinset.experiments.shown_generators import store_training, weights_file
from thinset.files.atomic import atomic_file
from thinset.report.document import draws_plots
from thinset.transforms.images import as_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import numpy as np

    from thinset.data import Dataset
    from thinset.duration import Duration
    from thinset.experiments.generation import GenerationSettings
    from thinset.experiments.prepare.kept import ScoresInTraining
    from thinset.experiments.run_folder import RunFolder
    from thinset.models.generators import ImageGenerator
    from thinset.training import Log
    from thinset.training.learners.generative import Observer
    from thinset.training.learners.image_term import WeightedTerm

_SHOWN_PER_CLASS = 10
_MOST_CLASSES = 20


class SampleGrids:
    """Writes a grid of generated images at each evaluation: a row for each of `classes`.

    The same latents each time, so that grids show how images change. Files are
    `folder`/0000100.png, ..., named by the step: a training that resumes writes the grids of the
    steps that it repeats again. The observer draws a grid; `log`, which is called after it with the
    step, writes the file.
    """

    def __init__(self, folder: Path, log: Log | None, classes: Sequence[int]) -> None:
        self._folder = folder
        self._log = log
        self._classes = classes
        self._drawn = b""

    def __call__(self, generator: ImageGenerator) -> dict[str, float]:
        """Draw the grid; see thinset.training.learners.generative.Observer."""
        from thinset.report.plots import contact_sheet, rendered

        sheet = contact_sheet(shown_rows(generator, self._classes), columns=_SHOWN_PER_CLASS)
        self._drawn = rendered(sheet, "png")
        return {}

    def log(self, values: dict[str, float], step: int) -> None:
        """Write the grid, then call the given log; see thinset.training.Log."""
        with atomic_file(self._folder / f"{step:07d}.png") as partial:
            partial.write_bytes(self._drawn)
        if self._log is not None:
            self._log(values, step)


def shown_rows(generator: ImageGenerator, classes: Sequence[int]) -> np.ndarray[Any, Any]:
    """Images of the first of `classes`, uint8 (n, H, W, C), class by class."""
    device = next(generator.parameters()).device
    noise = torch.Generator().manual_seed(0)
    latents = generator.latents(n_shown(classes), noise).to(device)
    shown = torch.tensor(classes[:_MOST_CLASSES], device=device)
    return as_rows(generator(latents, shown.repeat_interleave(_SHOWN_PER_CLASS)), "uint8")


def n_shown(classes: Sequence[int]) -> int:
    """The number of images that `shown_rows` draws."""
    return len(classes[:_MOST_CLASSES]) * _SHOWN_PER_CLASS


def train_and_keep_generator(
    data: Dataset,
    path: Path,
    *,
    settings: Any,
    length: Duration,
    checkpoint: Path,
    grids: Path | None,
    seed: int,
    device: str,
    precision: str = "float32",
    evaluations: int = 10,
    log: Log | None = None,
    observe: Observer | None = None,
    term: WeightedTerm | None = None,
    called: str | None = None,
    show_progress: bool,
) -> TrainedGenerator:
    """Train as `train_generator` does and write the file `path`, resuming from `checkpoint`.

    With `grids`, a folder, grids of samples are written there instead of calling `observe`. The
    checkpoint stays; after a divergence, it holds the last good state. called: the name of the
    training in the error then; by default that of the generator.
    """
    if grids is not None and draws_plots():
        observe = drawn = SampleGrids(grids, log, trained_classes(data))
        log = drawn.log
    with divergence_named(called or settings.model, checkpoint):
        return train_generator(
            data,
            path,
            settings=settings,
            length=length,
            seed=seed,
            device=device,
            precision=precision,
            evaluations=evaluations,
            observe=observe,
            term=term,
            log=log,
            checkpoint_path=checkpoint,
            resume=True,
            show_progress=show_progress,
        )


@dataclass(frozen=True)
class Variant:
    """A generator that is trained with a term.

    name: what tells it apart. term: gives the term for the seed of the training.
    """

    name: str
    term: Callable[[int], WeightedTerm]


def require_generators(
    data: Dataset, generation: GenerationSettings, generators: Iterable[Any]
) -> None:
    """Raise ValueError unless each of `generators`, by its settings, can be trained on `data`.

    For the start of an experiment, not after hours of other trainings.
    """
    settings = tuple(generators)
    if settings:
        names = ("--generator-length", "n_discriminator")  # the latter is a recipe's alone
        require_trainable(data, *settings, length=generation.length, names=names)


def prepare_generator(
    name: str,
    data: Dataset,
    folder: RunFolder,
    settings: GenerationSettings,
    *,
    seed: int,
    device: str,
    variant: Variant | None = None,
    observe: ScoresInTraining | None = None,
    show_progress: bool,
) -> TrainedGenerator:
    """The generator `name` trained on `data`, once for each seed modulo `settings.n_seeds`."""
    own_seed = seed % settings.n_seeds
    own_name = name if variant is None else as_file_name(f"{name}-{variant.name}")
    path = weights_file(folder.path, own_name, own_seed)
    stage = generator_stage(name if variant is None else variant.name, own_seed)
    checkpoint = folder.checkpoint(f"generator-{own_name}-seed{own_seed}")
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            trained = train_and_keep_generator(
                data,
                partial,
                settings=settings.of(name),
                length=settings.length,
                checkpoint=checkpoint,
                grids=None,
                evaluations=settings.evaluations,
                observe=observe,
                term=None if variant is None else variant.term(own_seed),
                called=None if variant is None else f"{variant.name}, {name}",
                seed=own_seed,
                device=device,
                precision=settings.precision,
                show_progress=show_progress,
            )
            # The page reads it without torch.
            extractor = None if observe is None else observe.name
            store_training(path, trained.history, trained.collapse, extractor)
        # Those of the history, not of the clock: they include the time before an interruption.
        folder.add_stage_seconds(stage, trained.history.seconds)
        checkpoint.unlink(missing_ok=True)
    return TrainedGenerator.load(path)


def generator_stage(name: str, seed: int) -> str:
    """The name of the stage that trains a generator."""
    return f"training a generator ({name}, seed {seed})"


def prepare_augmented(
    method: str,
    data: Dataset,
    folder: RunFolder,
    generator: Callable[[], TrainedGenerator] | None,
    *,
    key: str,
    seed: int,
    device: str,
    show_progress: bool,
) -> Made:
    """Write `data` and one image for each of its samples as one dataset folder, once.

    key: names `data` in the folder. generator: gives it, for methods that have one; not called if
    the images exist. The rows of `data` come first.
    """
    name = f"{key}-{method}" + ("" if method == "augorig" else f"-seed{seed}")
    path, stage = folder.subset(name), f"augmenting ({name})"
    if not folder.is_made(path, stage):
        # Before the block below, whose time does not include its training.
        model = None if generator is None else generator()
        with folder.making(path, stage) as partial:
            if method == "augorig":
                parts = (data, data)
            else:
                artificial = partial.with_name("artificial")
                make_images(
                    method, data, artificial, model, seed=seed, device=device,
                    show_progress=show_progress,
                )  # fmt: skip
                parts = (data, open_dataset(artificial))
            join_datasets(parts, partial)
    return Made(open_dataset(path), {"augmenting": folder.stage_seconds[stage]})


def make_images(
    method: str,
    data: Dataset,
    out: Path,
    model: TrainedGenerator | None,
    *,
    seed: int,
    device: str,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Dataset:
    """Write one image for each sample of `data`, made by `method`, as the dataset folder `out`.

    Generators draw balanced classes; other methods keep the label of each sample. Raises ValueError
    for a generator of images of another shape or of other classes.
    """
    options: dict[str, Any] = {
        "seed": seed, "device": device, "overwrite": overwrite, "show_progress": show_progress,
    }  # fmt: skip
    if method in TRADITIONAL:
        return augment(data, out, method, **options)
    assert model is not None
    if method == "interpolate":
        return interpolate(model, data, out, **options)
    require_same_kind(data, model)
    return generate(model, out, len(data), **options)


def prepare_generated(
    name: str,
    n_images: int,
    folder: RunFolder,
    generator: Callable[[], TrainedGenerator],
    *,
    seed: int,
    device: str,
    show_progress: bool,
) -> Made:
    """Draw `n_images` images of balanced classes as a dataset folder, once.

    name, generator: of the generator; it is not called if the images exist.
    """
    name = generated_name(name, n_images, seed)
    path, stage = folder.subset(name), f"generating ({name})"
    if not folder.is_made(path, stage):
        model = generator()  # before the block, whose time does not include its training
        with folder.making(path, stage) as partial:
            generate(
                model, partial, n_images, seed=seed, device=device, show_progress=show_progress
            )
    return Made(open_dataset(path), {"generating": folder.stage_seconds[stage]})
