"""The mean and the deviation of each channel that images are standardised with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def require_standardisation(
    mean: Sequence[float] | None, deviation: Sequence[float] | None
) -> None:
    """Raise ValueError unless images can be standardised with these in float32, or both are None.

    Values must be finite in float32, and deviations above 0.
    """
    for name, values in (("mean", mean), ("deviation", deviation)):
        if values is not None and not (values and np.isfinite(_in_float32(values)).all()):
            raise ValueError(f"{name} must be finite numbers in float32, got {list(values)}")
    if (mean is None) != (deviation is None):
        missing = "mean" if mean is None else "deviation"
        raise ValueError(f"mean and deviation go together, but there is no {missing}")
    if deviation is not None and _in_float32(deviation).min() <= 0:
        raise ValueError(f"deviation must be above 0 in float32, got {list(deviation)}")


def _in_float32(values: Sequence[float]) -> np.ndarray[Any, Any]:
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(values, np.float32)
