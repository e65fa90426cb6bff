"""Checks of the arguments of DatasetWriter; errors name the argument, its value and the fix."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from thinset.data.manifest import IMAGE_DTYPES
from thinset.data.schedule import ScheduleStep, TrainingSchedule
from thinset.files.shown import shown


def as_image_dtype(value: object) -> np.dtype[Any]:
    """Return the dtype of images in native byte order."""
    try:
        dtype = np.dtype(value).newbyteorder("=")  # type: ignore[call-overload]
    except (TypeError, ValueError):
        dtype = None
    if value is None or dtype is None or dtype.name not in IMAGE_DTYPES:
        raise ValueError(f"image_dtype must be one of {IMAGE_DTYPES}, got {shown(value)}")
    return dtype  # type: ignore[no-any-return]


def as_image_shape(value: object) -> tuple[int, int, int]:
    """Return (height, width, channels) as plain integers."""
    if (
        isinstance(value, (str, bytes, Mapping))
        or not isinstance(value, (Sequence, np.ndarray))
        or len(value) != 3
    ):
        raise ValueError(
            "image_shape must be three whole numbers, (height, width, channels), "
            f"got {shown(value)}"
        )
    height, width, channels = (
        _as_size(f"image_shape[{place}]", size) for place, size in enumerate(value)
    )
    return height, width, channels


def as_n_samples(value: object) -> int:
    """Return the number of rows as a plain integer."""
    return _as_size("n_samples", value)


def as_class_names(value: object) -> tuple[str, ...] | None:
    """Return the names of the classes; None if there are none."""
    if value is None:
        return None
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, (Sequence, np.ndarray)):
        raise ValueError(
            f"class_names must be a list of texts, one for each class, got {shown(value)}"
        )
    for place, name in enumerate(value):
        if not isinstance(name, str):
            raise ValueError(f"class_names[{place}] must be a text, got {shown(name)}")
    return tuple(map(str, value))


def require_name(value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f"name must be a text, got {shown(value)}")


def require_provenance(value: object) -> None:
    if value is not None and not isinstance(value, (Mapping, msgspec.Struct)):
        raise ValueError(
            "provenance must be one of the types of thinset.data.provenance or a dict, got "
            f"{shown(value)}"
        )


def require_schedule(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, TrainingSchedule):
        raise ValueError(
            f"schedule must be a TrainingSchedule, got {shown(value)}; make one with "
            "TrainingSchedule(steps=(ScheduleStep(rows=(0, 10), step_size=0.1), ...))"
        )
    for number, step in enumerate(value.steps):
        if not isinstance(step, ScheduleStep):
            raise ValueError(f"schedule.steps[{number}] must be a ScheduleStep, got {shown(step)}")


def require_array(name: str, value: object, axes: str) -> None:
    """Raise ValueError unless `value` is a numpy array with `axes`, such as "B, C"."""
    if not isinstance(value, np.ndarray):
        raise ValueError(
            f"{name} must be a numpy array of shape ({axes}), got {type(value).__name__}; convert "
            "it with numpy.asarray"
        )


def _as_size(name: str, value: object) -> int:
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or not 1 <= value < 2**63:  # type: ignore[operator]
        raise ValueError(f"{name} must be a whole number from 1 to 2**63 - 1, got {shown(value)}")
    return int(value)  # type: ignore[call-overload,no-any-return]
