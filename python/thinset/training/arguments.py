"""Checks of the arguments of a training; errors name the argument, its value and the rule."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING

from thinset.files.shown import shown as shown  # noqa: PLC0414 - imported from here

if TYPE_CHECKING:
    from thinset.training.loop.rates import LearningRate


def require_whole(name: str, value: object, *, least: int | None = None) -> None:
    """Raise ValueError unless `value` is a whole number, and at least `least` where given."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError(f"{name} must be a whole number, got {shown(value)}")
    if least is not None and value < least:
        raise ValueError(f"{name} must be at least {least}, got {shown(value)}")


def require_number(name: str, value: object) -> None:
    """Raise ValueError unless `value` is a finite number of at least 0."""
    if not is_number(value):
        raise ValueError(f"{name} must be a number, got {shown(value)}")
    if not (math.isfinite(value) and value >= 0):  # type: ignore[arg-type,operator]
        raise ValueError(f"{name} must be finite and >= 0, got {shown(value)}")


def require_rate(name: str, value: LearningRate) -> None:
    """Raise ValueError unless `value` is a learning rate: a number or a function that gives one."""
    if callable(value):
        return
    if not is_number(value):
        raise ValueError(
            f"{name} must be a number, or a function of the progress 0..1, got {shown(value)}"
        )
    require_number(name, value)


def is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
