"""Settings of the training loop, and settings as plain values that a checkpoint can compare."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from thinset.training.arguments import require_number, require_rate, require_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from thinset.data.batches import ImageRows
    from thinset.training.loop.rates import LearningRate

_ROWS_PER_UPDATE = 1024

Keep = Literal["last", "best"]
"""Which weights a training leaves: those of its end, or the best ones on validation data."""


@dataclass(frozen=True)
class LoopSettings:
    """How the loop draws batches, evaluates and saves; see `train` for the meaning of each.

    Raises ValueError for values out of range.
    """

    batch_size: int
    learning_rate: LearningRate
    seed: int
    resident: bool | None
    evaluations: int
    checkpoint_seconds: float
    keep: Keep

    def __post_init__(self) -> None:
        for name in ("batch_size", "evaluations"):
            require_whole(name, getattr(self, name), least=1)
        require_whole("seed", self.seed)
        require_rate("learning_rate", self.learning_rate)
        require_number("checkpoint_seconds", self.checkpoint_seconds)
        if self.keep not in get_args(Keep):
            raise ValueError(f"keep must be last or best, got {self.keep!r}")

    def identity(self) -> dict[str, Any]:
        """Everything that the weights depend on, as plain values."""
        # Neither where the data is nor how often state is saved changes any number.
        names = ("batch_size", "learning_rate", "seed", "evaluations", "keep")
        return {name: describe(getattr(self, name)) for name in names}


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
        raise ValueError(
            f"{path} is of a run with other settings: {differences}; remove it to start again"
        )
