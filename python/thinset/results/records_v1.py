"""Converts records of version 1 to version 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from thinset.files.decoding import Count, Seconds, Share, decode, encode
from thinset.results.metrics import METRICS


@dataclass(frozen=True)
class _Point:
    step: Count
    samples: Count
    epoch: Seconds
    seconds: Seconds
    phase: str
    train_loss: float | None
    test_loss: float | None
    test_accuracy: float | None


@dataclass(frozen=True)
class _Final:
    test_accuracy: float
    test_loss: float | None


@dataclass(frozen=True)
class _Record:
    arm: Literal["selected", "random", "full"]
    comparison: str
    method: str
    seed: Count
    n_subset: Count
    n_full: Count
    split: Share
    total: str
    phases: list[Any]
    preparation_seconds: dict[str, Any]
    curve: tuple[_Point, ...]
    final: _Final
    training_seconds: Seconds
    evaluation_seconds: Seconds
    data_wait_seconds: Seconds
    settings: dict[str, Any]
    hardware: dict[str, Any]
    versions: dict[str, Any]
    command: str


def upgraded(content: dict[str, Any], where: str) -> dict[str, Any]:
    """The same record in version 2; ValueError, starting with `where`, if damaged.

    Version 1 knew three kinds of arms, and accuracy and loss alone. It also had a size and a split
    for arms without a subset.
    """
    old = decode(content, _Record, where)
    is_full = old.arm == "full"
    kept: dict[str, Any] = encode(old)
    for name in ("arm", "method", "n_subset", "split", "curve", "final"):
        del kept[name]
    metrics = ("accuracy", "loss")
    return {
        **kept,
        "arm": old.method,
        "n_trained": old.n_subset if is_full else old.n_full,
        "fast_phase": None if is_full else {"n_samples": old.n_subset, "split": old.split},
        "metrics": {name: encode(METRICS[name]) for name in metrics},
        "metric": "accuracy",
        "curve": [
            {
                **{name: getattr(point, name) for name in _KEPT},
                "scores": {"accuracy": point.test_accuracy, "loss": point.test_loss},
            }
            for point in old.curve
        ],
        "final": {
            "accuracy": {"value": old.final.test_accuracy},
            "loss": {"value": old.final.test_loss},
        },
    }


_KEPT = ("step", "samples", "epoch", "seconds", "phase", "train_loss")
