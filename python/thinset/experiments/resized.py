"""Arms that train on smaller images at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.experiments.classifier import new_classifier
from thinset.transforms import ProgressiveResizing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from thinset.data import Dataset
    from thinset.experiments.settings import TrainingSettings
    from thinset.results.arm import Arm


def resizing(arm: Arm) -> ProgressiveResizing | None:
    """How the arm resizes training images; None if it does not."""
    return None if arm.progressive is None else ProgressiveResizing(arm.progressive)


def require_resizable_arms(arms: Iterable[Arm], data: Dataset, training: TrainingSettings) -> None:
    """Raise ValueError, naming the arm, unless the classifier takes images of all its sizes.

    `training`: with every "auto" resolved.
    """
    for arm in arms:
        schedule = resizing(arm)
        if schedule is None:
            continue
        assert not isinstance(training.crop, str)
        height, width, channels = data.image_shape
        if training.crop is not None:
            height = width = training.crop
        sizes = schedule.sizes(height, width)
        if sizes == ((height, width),):
            raise ValueError(
                f"the arm {arm} changes nothing: images of {height} x {width} pixels are not made "
                f"smaller, because sides are multiples of {schedule.multiple}"
            )
        model = new_classifier(data, training, seed=0)
        for size in sizes:
            _require_takes(model, (channels, *size), data.n_classes, arm, training.model or "paper")


def _require_takes(
    model: nn.Module, shape: tuple[int, int, int], n_classes: int, arm: Arm, name: str
) -> None:
    _, height, width = shape
    try:
        with torch.no_grad():
            found = tuple(model.eval()(torch.zeros(2, *shape)).shape)
    # Layers raise RuntimeError; models may check the shape themselves.
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    else:
        if found == (2, n_classes):
            return
        reason = f"its result has shape {found}"
    raise ValueError(
        f"the arm {arm} needs a model that takes images of several sizes, such as resnet, but "
        f"{name} fails on {height} x {width} pixels: {reason}"
    )
