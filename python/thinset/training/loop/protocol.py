"""Checks that a learner keeps to the protocol; errors name its class and method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import torch

from thinset.training.arguments import is_number, shown
from thinset.training.learners.learner import Goal

if TYPE_CHECKING:
    from thinset.training.learners.learner import Learner, ReplayingLearner

_METHODS = (
    "start", "step", "take_loss_sum", "score", "goal", "weights", "tensors", "load", "describe",
    "finish",
)  # fmt: skip


def require_learner(learner: object) -> None:
    """Raise ValueError, naming what is missing, unless `learner` has all parts of a Learner."""
    name = type(learner).__name__
    missing = [method for method in _METHODS if not callable(getattr(learner, method, None))]
    if missing or isinstance(learner, type):
        what = (
            "an object, got the class itself"
            if isinstance(learner, type)
            else (f"a Learner, but {name} lacks {', '.join(missing)}")
        )
        raise ValueError(f"learner must be {what}")
    device = getattr(learner, "device", None)
    if not isinstance(device, torch.device):
        raise ValueError(f"{name}.device must be a torch.device, got {shown(device)}")


def require_replayable(learner: Learner) -> None:
    """Raise ValueError unless `learner` is a ReplayingLearner whose networks can be trained so."""
    for method in ("require_replayable", "replay_step"):
        if not callable(getattr(learner, method, None)):
            raise ValueError(
                f"a Replay phase needs a ReplayingLearner, but {type(learner).__name__} lacks "
                f"{method}"
            )
    cast("ReplayingLearner", learner).require_replayable()


def as_losses(learner: Learner, losses: object, n_samples: int) -> torch.Tensor:
    """Return the result of `step`: the loss of each sample."""
    if not isinstance(losses, torch.Tensor):
        raise _wrong(learner, "step", f"a tensor of shape ({n_samples},)", _kind(losses))
    if losses.shape != (n_samples,) or not losses.is_floating_point():
        raise _wrong(
            learner,
            "step",
            f"the loss of each sample, floating-point numbers of shape ({n_samples},)",
            f"{losses.dtype} of shape {tuple(losses.shape)}",
        )
    return losses


def as_loss_sum(learner: Learner, value: object) -> float:
    """Return the result of `take_loss_sum`."""
    return _as_float(learner, "take_loss_sum", "a number", value)


def as_scores(learner: Learner, scores: object) -> dict[str, float]:
    """Return the result of `score`: numbers by the name of the metric."""
    needed = "a dict of numbers by the name of the metric"
    found = _by_name(learner, "score", needed, scores)
    return {
        name: _as_float(learner, "score", f"{needed}; {name!r} is not a number", score)
        for name, score in found.items()
    }


def as_goal(learner: Learner, goal: object) -> Goal:
    """Return the result of `goal`."""
    if not isinstance(goal, Goal):
        raise _wrong(learner, "goal", "a Goal", _kind(goal))
    return goal


def as_tensors(learner: Learner, method: str, tensors: object) -> dict[str, torch.Tensor]:
    """Return the result of `tensors` or `weights`."""
    needed = "a dict of tensors by name"
    found = _by_name(learner, method, needed, tensors)
    for name, value in found.items():
        if not isinstance(value, torch.Tensor):
            raise _wrong(learner, method, f"{needed}; {name!r} is not a tensor", _kind(value))
    return found


def as_description(learner: Learner, description: object) -> dict[str, Any]:
    """Return the result of `describe`."""
    return _by_name(learner, "describe", "a dict of settings by name", description)


def _by_name(learner: Learner, method: str, needed: str, found: object) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise _wrong(learner, method, needed, _kind(found))
    for name in found:
        if not isinstance(name, str):
            raise _wrong(learner, method, needed, f"the name {shown(name)}")
    return dict(found)


def _as_float(learner: Learner, method: str, needed: str, value: object) -> float:
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        return float(value)
    if not is_number(value):
        raise _wrong(learner, method, needed, _kind(value))
    return float(value)  # type: ignore[arg-type]


def _kind(value: object) -> str:
    return "None" if value is None else f"{type(value).__name__} {shown(value)}"


def _wrong(learner: Learner, method: str, needed: str, found: str) -> ValueError:
    return ValueError(f"{type(learner).__name__}.{method} must return {needed}; got {found}")
