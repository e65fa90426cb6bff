"""Losses as pure functions, and objectives, which apply a model to one batch."""

from __future__ import annotations

from thinset.losses.classification import classification, cross_entropy
from thinset.losses.logit_adjustment import LogitAdjusted
from thinset.losses.objective import Objective, Outcome
from thinset.losses.reconstruction import reconstruction, reconstruction_error

__all__ = [
    "LogitAdjusted",
    "Objective",
    "Outcome",
    "classification",
    "cross_entropy",
    "reconstruction",
    "reconstruction_error",
    "reproduction",
    "reproduction_error",
]

reproduction = reconstruction
"""Former name of `reconstruction`"""
reproduction_error = reconstruction_error
"""Former name of `reconstruction_error`"""
