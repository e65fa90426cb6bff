"""Transforms of image batches, on the device of the images."""

from __future__ import annotations

from thinset.transforms.crops import CenterCrop, RandomCrop
from thinset.transforms.differentiable import DifferentiableAugmentation
from thinset.transforms.progressive import ProgressiveResizing
from thinset.transforms.training import TestTransform, TrainTransform

__all__ = [
    "CenterCrop",
    "DifferentiableAugmentation",
    "ProgressiveResizing",
    "RandomCrop",
    "TestTransform",
    "TrainTransform",
]
