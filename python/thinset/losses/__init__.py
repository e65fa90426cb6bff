"""Losses as pure functions, and objectives: what one training step asks of a model."""

from __future__ import annotations

from thinset.losses.classification import classification, cross_entropy
from thinset.losses.objective import Objective, Outcome
from thinset.losses.reconstruction import reproduction, reproduction_error

__all__ = [
    "Objective",
    "Outcome",
    "classification",
    "cross_entropy",
    "reproduction",
    "reproduction_error",
]
