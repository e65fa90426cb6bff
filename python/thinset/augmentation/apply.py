"""The ways to make one image for each sample of a dataset."""

from __future__ import annotations

from thinset.augmentation.generators import generators
from thinset.augmentation.traditional import METHODS as TRADITIONAL
from thinset.augmentation.traditional import augment

__all__ = ["TRADITIONAL", "augment", "augmentations"]


def augmentations() -> tuple[str, ...]:
    """The names of all of them."""
    return tuple(sorted((*TRADITIONAL, *generators(), "interpolate")))
