"""Ways to make more of the samples at hand; each has a method card (.md) beside it."""

from __future__ import annotations

from thinset.augmentation.traditional import TestTransform, TrainTransform

__all__ = ["TestTransform", "TrainTransform"]
