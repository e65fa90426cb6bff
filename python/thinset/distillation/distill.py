"""Learns a small dataset from a large one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch

from thinset.data.matching_splits import require_known_range, require_matching_splits
from thinset.data.provenance import DistilledBy, Parent
from thinset.data.store import Dataset, open_dataset
from thinset.distillation.available_memory import available_memory
from thinset.distillation.initial_images import image_labels, initial_images
from thinset.distillation.initial_weights import ROLE, StartingNetworks, starting_networks
from thinset.distillation.methods import method_named
from thinset.distillation.networks import NetworkKind, statistics_of
from thinset.distillation.synthetic_set import SyntheticSet
from thinset.distillation.unrolled_memory import require_step_sizes
from thinset.duration import Duration
from thinset.files.decoding import decode, encode
from thinset.seeds import require_seed
from thinset.training.loop.train import train
from thinset.training.phases import Phase
from thinset.training.precision import resolve_device
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy as np

    from thinset.distillation.initial_images import Initial
    from thinset.training.learners.learner import Learner
    from thinset.training.loop.metrics_log import Log
    from thinset.training.loop.settings import Keep
    from thinset.training.samplers.orders import ClassBalanced

Observer: TypeAlias = Callable[[SyntheticSet, int], None]
"""Looks at the synthetic set at each evaluation, after so many steps"""


def distill(
    data: Dataset,
    out: str | os.PathLike[str],
    *,
    settings: Any,
    images_per_class: int | None = None,
    n_images: int | None = None,
    init: Initial = "noise",
    initial_rows: np.ndarray[Any, Any] | None = None,
    chosen_by: str | None = None,
    length: Duration | str | None = None,
    validation_data: Dataset | None = None,
    keep: Keep = "last",
    seed: int = 0,
    device: torch.device | str = "auto",
    precision: str = "float32",
    evaluations: int = 10,
    observe: Observer | None = None,
    log: Log | None = None,
    checkpoint_path: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Dataset:
    """Distil `data` into the dataset folder `out`.

    `settings`: the Settings of one of thinset.distillation.methods; they name the method. How many
    images: `images_per_class`, by default 1, or `n_images` in all instead, which may be fewer than
    there are classes with learned labels. `init`, `initial_rows`: see initial_images; `chosen_by`:
    what chose the rows, for the manifest. `length`: of the training of the images; by default that
    of the settings. `validation_data`: what scores compare with, by default nothing. `keep`: the
    images of the "last" evaluation, or of the one with the "best" accuracy on `validation_data`,
    which the manifest then names under "kept". `observe`: called with the images at each of the
    `evaluations`, after `log`. Everything else: see thinset.training.train.

    The images and the learned labels and step sizes are float32. The manifest holds the step sizes
    in order, as the schedule, and all settings. Distilled images may have values outside [0, 1].
    Where networks start from fixed weights, the folder holds these: the array "initial_weights",
    see StartingNetworks, and its SHA-256 as the provenance's `model`.

    Raises TypeError for `data` and `settings` of other types; ValueError for data without labels, a
    class without samples, more images than samples, or of a class than there are real ones to start
    from, "best" without anything that scores the images, and arguments and settings that are out of
    range or do not fit together, before any training; (TrainingDivergedError) for a loss that is
    not finite or step sizes that run away, and the last checkpoint is kept then; FileExistsError,
    before training, if `out` exists.
    """
    _require_arguments(data, settings, validation_data, seed)
    if images_per_class is None and n_images is None:
        images_per_class = 1
    if initial_rows is not None and init != "rows":
        raise ValueError(f'initial_rows needs init="rows", got init={init!r}')
    require_scored(keep, settings, has_validation=validation_data is not None)
    if Path(out).exists() and not overwrite:
        raise FileExistsError(f"{out} already exists; choose another output")
    if validation_data is not None:
        require_matching_splits(data, validation_data)
    require_known_range(data)
    mean, deviation = statistics_of(data)
    images, labels = initial_images(
        data,
        init,
        images_per_class=images_per_class,
        n_images=n_images,
        rows=initial_rows,
        mean=mean,
        deviation=deviation,
        generator=generator_for(seed, "initial images"),
        may_miss_classes=settings.learns_labels,
    )
    begun = _begin(
        data,
        settings,
        images,
        labels,
        mean=mean,
        deviation=deviation,
        images_per_class=images_per_class,
        seed=seed,
        device=device,
        precision=precision,
    )
    settings, synthetic, order = begun.settings, begun.synthetic, begun.order

    def report(figures: dict[str, float], step: int) -> None:
        if log is not None:
            log(figures, step)
        if observe is not None:
            observe(synthetic, step)

    whole = Duration.parse(settings.length if length is None else length)
    # A pass of the order is a step.
    per_step = settings.batch_size if order is None else (order.n_samples or len(data))
    history = train(
        begun.learner,
        [Phase(settings.method, data, whole, order=order)],
        learning_rate=getattr(settings, "rate", settings.learning_rate),
        validation_data=validation_data,
        keep=keep,
        batch_size=per_step,
        seed=seed,
        evaluations=evaluations,
        checkpoint_path=checkpoint_path,
        checkpoint_seconds=checkpoint_seconds,
        resume=resume,
        log=report,
        show_progress=show_progress,
        label=f"distilling by {'soft' if settings.learns_labels else settings.method}",
    )
    fixed = begun.networks if isinstance(begun.networks, StartingNetworks) else None
    synthetic.write(
        out,
        name=f"{data.name} distilled by {settings.method}",
        class_names=data.class_names,
        provenance=DistilledBy(
            by=settings.method,
            parent=Parent.of(data),
            model=None if fixed is None else fixed.digest,
            seed=seed,
            params={
                "settings": encode(settings),
                "length": str(whole),
                "init": chosen_by or init,
                "mean": list(mean),
                "deviation": list(deviation),
                **({} if fixed is None else {ROLE: fixed.description()}),
                **({} if history.best is None else {"kept": dataclasses.asdict(history.best)}),
            },
        ),
        arrays={} if fixed is None else {ROLE: fixed.array()},
        overwrite=overwrite,
    )
    return open_dataset(out)


def require_scored(keep: Keep, settings: Any, *, has_validation: bool) -> None:
    """Raise ValueError where `keep` is "best", but nothing scores the images."""
    if keep == "best" and not has_validation:
        raise ValueError('keep "best" needs validation_data, on which the images are scored')
    if keep == "best" and getattr(settings, "n_scored", 1) == 0:
        raise ValueError('keep "best" needs scores of the images, but n_scored is 0')


def require_distillable(
    data: Dataset,
    *,
    settings: Any,
    images_per_class: int | None,
    n_images: int | None = None,
    starts_from_real: bool = False,
    device: torch.device | str = "auto",
    precision: str = "float32",
) -> None:
    """Raise the errors that `distill` would raise for the data and the settings, in little time."""
    _require_arguments(data, settings)
    require_known_range(data)
    labels = image_labels(
        data,
        images_per_class,
        n_images,
        may_miss_classes=settings.learns_labels,
        are_real=starts_from_real,
    )
    height, width, channels = data.image_shape
    _begin(
        data,
        settings,
        torch.zeros(len(labels), channels, height, width),
        torch.from_numpy(labels),
        mean=(0.0,) * channels,
        deviation=(1.0,) * channels,
        images_per_class=images_per_class,
        seed=0,
        device=device,
        precision=precision,
    )


def _require_arguments(
    data: Dataset, settings: Any, validation_data: Dataset | None = None, seed: int = 0
) -> None:
    """Raise TypeError or ValueError, naming the argument, for what no distillation can use."""
    given: dict[str, object] = {"data": data}
    if validation_data is not None:
        given["validation_data"] = validation_data
    for name, value in given.items():
        if not isinstance(value, Dataset):
            raise TypeError(
                f"{name} must be a thinset.data.Dataset, got {type(value).__name__}; open a "
                "dataset folder with thinset.open_dataset"
            )
    if not dataclasses.is_dataclass(settings) or isinstance(settings, type):
        raise TypeError(
            "settings must be the Settings of a method, such as "
            f"thinset.distillation.methods.dm.Settings(), got {settings!r}"
        )
    method_named(getattr(settings, "method", ""))
    decode(encode(settings), type(settings), "settings")
    require_seed("seed", seed)


class _Begun(NamedTuple):
    """A distillation before its first step; the settings have no "auto"."""

    settings: Any
    synthetic: SyntheticSet
    networks: NetworkKind | StartingNetworks
    learner: Learner
    order: ClassBalanced | None


def _begin(
    data: Dataset,
    settings: Any,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    mean: Sequence[float],
    deviation: Sequence[float],
    images_per_class: int | None,
    seed: int,
    device: torch.device | str,
    precision: str,
) -> _Begun:
    module = method_named(settings.method)
    resolve = getattr(module, "resolved", None)
    if resolve is not None:
        settings = resolve(settings, data, len(images) // data.n_classes)
    n_steps = settings.n_steps or images_per_class or 1
    require_step_sizes(n_steps * settings.n_epochs, available_memory(resolve_device(device)))
    synthetic = SyntheticSet(
        images,
        labels,
        n_classes=data.n_classes,
        mean=mean,
        deviation=deviation,
        learns_labels=settings.learns_labels,
        n_steps=n_steps,
        n_epochs=settings.n_epochs,
        step_size=settings.step_size,
    )
    kind = NetworkKind(
        settings.network,
        settings.width,
        data.image_shape,
        data.n_classes,
        tuple(mean),
        tuple(deviation),
    )
    networks = starting_networks(kind, settings, data, seed=seed)
    learner = module.learner(
        synthetic, networks, settings, seed=seed, device=device, precision=precision
    )
    return _Begun(settings, synthetic, networks, learner, module.order(settings, data))
