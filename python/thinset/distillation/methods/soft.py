"""Soft-label dataset distillation: dataset distillation that learns labels, too; see soft.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from thinset.distillation.methods.dd import learner, order
from thinset.distillation.unrolled_settings import UnrolledSettings

__all__ = ["Settings", "learner", "order"]


@dataclass(frozen=True)
class Settings(UnrolledSettings):
    """See UnrolledSettings."""

    method: Literal["soft"] = "soft"
    learns_labels: Literal[True] = True
