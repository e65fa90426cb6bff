"""What the settings of the methods that match class by class stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from thinset.files.decoding import (  # noqa: TC001 - decode looks them up
    AboveZero,
    Count,
    Positive,
    Share,
)

if TYPE_CHECKING:
    from thinset.data import Dataset
    from thinset.training.samplers.orders import ClassBalanced
    from thinset.transforms.siamese import SiameseAugmentation


@dataclass(frozen=True)
class MatchingSettings:
    """What both methods have.

    network, width: see NetworkKind. batch_size: real images of each class in a step. learning_rate,
    momentum: of the images' plain gradient descent. augmentation: the strategy of
    SiameseAugmentation; "auto" for all of it, without flips for grey images; "none" for none.
    n_scored, score_steps: how many networks score the images on validation data, and the length of
    the training of each; see ShortTraining.
    """

    learns_labels: ClassVar[bool] = False
    n_steps: ClassVar[int] = 1
    n_epochs: ClassVar[int] = 0
    step_size: ClassVar[float] = 0.02

    method: str
    network: str = "convnet"
    width: AboveZero = 1.0
    batch_size: Positive = 256
    learning_rate: AboveZero = 1.0
    momentum: Share = 0.5
    length: str = "auto"
    augmentation: str = "auto"
    n_scored: Count = 1
    score_steps: Positive = 100

    def __post_init__(self) -> None:
        resolved_augmentation(self.augmentation, is_colour=True)


def balanced_order(settings: MatchingSettings, data: Dataset) -> ClassBalanced:
    """Passes of one step: `batch_size` real images of each class, or all if no class has more.

    Raises ValueError for data with soft labels: an image must have one class.
    """
    import numpy as np

    from thinset.training.samplers.orders import ClassBalanced

    if data.labels is None or data.soft_labels is not None:
        raise ValueError(f"{data.name} has soft labels; matching needs one class for each image")
    largest = int(np.bincount(np.asarray(data.labels)).max())
    return ClassBalanced(n_samples=min(settings.batch_size, largest) * data.n_classes)


def resolved_augmentation(text: str, *, is_colour: bool) -> str:
    """`text` or, for "auto", all operations, without flips for grey images: digits have sides.

    Raises ValueError for a text that is neither "auto" nor "none" nor a strategy.
    """
    if not isinstance(text, str):
        raise ValueError(f"augmentation must be auto, none or a strategy; got {text!r}")
    if text == "auto":
        operations = ("color", "translation", "cutout", "flip", "scale", "rotate")
        return ",".join(name for name in operations if is_colour or name != "flip")
    try:
        siamese(text)
    except ValueError as error:
        raise ValueError(f"augmentation must be auto, none or a strategy: {error}") from None
    return text


def siamese(text: str) -> SiameseAugmentation | None:
    """The augmentation of a resolved text; None for "none"."""
    from thinset.transforms.siamese import SiameseAugmentation

    return None if text == "none" else SiameseAugmentation(text)
