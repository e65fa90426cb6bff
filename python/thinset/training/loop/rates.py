"""Learning rates over the course of a training or of one phase of it.

Each is a function of how much is done, from 0 to 1: a share of steps where the phase's length is
in steps, epochs or samples, and of wall-clock time where it is a time. The same rate serves
"10000st" and "7min".
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

LearningRate = float | Callable[[float], float]
"""A constant, or a function of how much of the phase is done, from 0 to 1."""

_FIRST = 0.04  # share of the peak at which a rise begins: a rate of 0 would waste the first step


@dataclass(frozen=True)
class LinearRate:
    """A learning rate that changes linearly from `start` to `end`."""

    start: float
    end: float

    def __call__(self, progress: float) -> float:
        return self.start + (self.end - self.start) * progress


@dataclass(frozen=True)
class CosineRate:
    """A learning rate that falls from `start` to `end` by half a wave of the cosine.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, without
    restarts.
    """

    start: float
    end: float = 0.0

    def __call__(self, progress: float) -> float:
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class StepRate:
    """A learning rate that begins at `start` and is multiplied by `factor` at each share of `at`.

    The shares are above 0, below 1 and ascending. The defaults divide the rate by ten at one half
    and again at three quarters, after He et al., "Deep Residual Learning for Image Recognition",
    2016.
    """

    start: float
    factor: float = 0.1
    at: tuple[float, ...] = (0.5, 0.75)

    def __post_init__(self) -> None:
        if list(self.at) != sorted(set(self.at)) or not all(0 < share < 1 for share in self.at):
            raise ValueError(f"at must rise from above 0 to below 1, got {self.at}")

    def __call__(self, progress: float) -> float:
        return self.start * self.factor ** bisect_right(self.at, progress)


@dataclass(frozen=True)
class OneCycleRate:
    """A learning rate that rises linearly to `peak` and falls linearly to 0.

    `warm_up`: the share that the rise takes, above 0 and below 1. No step has a rate of 0. After
    Smith and Topin, "Super-Convergence", 2018.
    """

    peak: float
    warm_up: float = 0.2

    def __post_init__(self) -> None:
        _require_inside(self.warm_up)

    def __call__(self, progress: float) -> float:
        if progress < self.warm_up:
            return self.peak * _risen(progress / self.warm_up)
        return self.peak * (1 - progress) / (1 - self.warm_up)


@dataclass(frozen=True)
class WarmUpRate:
    """Any learning rate, after a linear rise to its first value.

    `share`: what the rise takes, above 0 and below 1; `rate` runs from 0 to 1 in the rest.
    """

    rate: LearningRate
    share: float

    def __post_init__(self) -> None:
        _require_inside(self.share)

    def __call__(self, progress: float) -> float:
        if progress < self.share:
            return rate_at(self.rate, 0.0) * _risen(progress / self.share)
        return rate_at(self.rate, (progress - self.share) / (1 - self.share))


@dataclass(frozen=True)
class PartOfRate:
    """The part of a learning rate between two shares of its course, as a rate from 0 to 1."""

    rate: Callable[[float], float]
    start: float
    end: float

    def __call__(self, progress: float) -> float:
        return self.rate(self.start + (self.end - self.start) * progress)


def rate_at(rate: LearningRate, progress: float) -> float:
    """Return the learning rate when `progress`, 0..1, is done."""
    return rate(progress) if callable(rate) else rate


def _risen(progress: float) -> float:
    return _FIRST + (1 - _FIRST) * progress


def _require_inside(warm_up: float) -> None:
    if not 0 < warm_up < 1:
        raise ValueError(f"warm_up must be above 0 and below 1, got {warm_up}")
