"""What the settings of the methods that match class by class stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from thinset.data import Dataset
    from thinset.training.samplers.orders import ClassBalanced
    from thinset.transforms.siamese import SiameseAugmentation


class _HasBatchSize(Protocol):
    @property
    def batch_size(self) -> int: ...


def balanced_order(settings: _HasBatchSize, data: Dataset) -> ClassBalanced:
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
