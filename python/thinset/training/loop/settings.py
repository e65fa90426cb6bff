"""The settings of a run as plain values, by which a checkpoint knows whose it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from thinset.data.batches import ImageRows
    from thinset.losses import Objective
    from thinset.training.learners.evaluate import ImageTransform
    from thinset.training.loop.rates import LearningRate

_ROWS_PER_UPDATE = 1024

RandomTransform = Callable[["torch.Tensor", "torch.Generator"], "torch.Tensor"]
"""Turns stored images (B, C, H, W) and a generator into what the model is trained on."""


@dataclass(frozen=True)
class RunSettings:
    """What a run does with a batch and when it looks up; see `fit` for the meaning of each."""

    loss: Objective
    train_transform: RandomTransform
    test_transform: ImageTransform | None
    batch_size: int
    learning_rate: LearningRate
    momentum: float
    weight_decay: float
    ema_decay: float | None
    seed: int
    device: torch.device
    dtype: torch.dtype
    resident: bool | None
    evaluations: int
    checkpoint_seconds: float

    def __post_init__(self) -> None:
        for name in ("batch_size", "evaluations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("momentum", "weight_decay", "checkpoint_seconds"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be finite and >= 0, got {getattr(self, name)}")

    def identity(self) -> dict[str, Any]:
        """Everything that the weights depend on, as plain values."""
        described = {field.name: describe(getattr(self, field.name)) for field in fields(self)}
        described["device"] = self.device.type
        # Neither where the data lies nor how often state is saved changes any number.
        del described["resident"], described["checkpoint_seconds"]
        return described


def describe(value: Any) -> Any:
    """Return `value` as something JSON-able that is equal in every process.

    Numbers and texts stay; a function becomes its qualified name; any other object its repr, which
    is a dataclass's fields, or its type's name where the repr is only an address.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if repr(value) == object.__repr__(value):
        return f"{type(value).__module__}.{type(value).__qualname__}"
    return repr(value)


def dataset_fingerprint(dataset: ImageRows) -> str:
    """SHA-256 that identifies a dataset: its own `.fingerprint`, else computed from its arrays."""
    own = getattr(dataset, "fingerprint", None)
    if own is not None:
        return str(own)
    digest = hashlib.sha256()
    for array in (dataset.images, dataset.labels, getattr(dataset, "soft_labels", None)):
        if array is None:
            continue
        digest.update(f"{array.dtype} {array.shape}\n".encode())
        for start in range(0, len(array), _ROWS_PER_UPDATE):
            rows = array[start : start + _ROWS_PER_UPDATE]
            digest.update(np.ascontiguousarray(rows).tobytes())
    return digest.hexdigest()


def require_same_settings(here: Mapping[str, Any], stored: Mapping[str, Any], path: Path) -> None:
    """Raise ValueError, naming every setting that differs, unless both are equal."""
    names = [
        name for name in (*here, *(set(stored) - set(here))) if here.get(name) != stored.get(name)
    ]
    if names:
        differences = "; ".join(
            f"{name} is {stored.get(name)!r} there and {here.get(name)!r} here" for name in names
        )
        raise ValueError(f"{path} is of a run with other settings: {differences}")
