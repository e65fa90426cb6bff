"""What the values of image arrays mean, and how they become uint8 or float32 in 0..1.

Training takes uint8 in 0..255 and floating point in 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.sources.image_stream import BATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Array = np.ndarray[Any, Any]

GREY_LEVELS = 255
_STANDARDISED = 16.0
"""Values this far from 0 at most may be standardised, or in 0..1 and overshot by resizing."""


@dataclass(frozen=True)
class ValueRange:
    """The least and the largest of all values, and whether all are whole numbers."""

    low: float
    high: float
    is_whole: bool

    def __str__(self) -> str:
        return f"{self.low:.6g}..{self.high:.6g}"


@dataclass(frozen=True)
class Conversion:
    """How images become what a dataset folder holds: the dtype, the change and what to say."""

    dtype: str
    convert: Callable[[Array], Array]
    note: str | None = None


def conversion_of(arrays: Mapping[str, Array]) -> Conversion:
    """Choose one conversion for all images of a source, by their dtype and the range of values.

    uint8 stays; booleans become 0 and 255; other integers in 0..255 become uint8. Floating point
    in 0..1 stays, as float32; whole numbers in 0..255 become uint8; other values in 0..255 are
    divided by 255; values that look standardised (within -16..16) stay. `arrays` are images
    (N, ...) by what messages call them.

    Raises ValueError for other dtypes and ranges, and naming the row for NaN and infinity.
    """
    dtypes = {array.dtype for array in arrays.values()}
    if dtypes == {np.dtype(np.uint8)}:
        return Conversion("uint8", np.asarray)
    if dtypes == {np.dtype(bool)}:
        return Conversion("uint8", _from_booleans, "booleans are stored as 0 and 255")
    for name, array in arrays.items():
        if array.dtype.kind not in "uif" or array.dtype.itemsize > 8:
            raise ValueError(
                f"{name} must be uint8, another integer type or floating point, got {array.dtype}"
            )
    values = _range_of(arrays)
    names = ", ".join(arrays)
    if values.is_whole and values.low >= 0 and 1 < values.high <= GREY_LEVELS:
        kinds = ", ".join(sorted({str(dtype) for dtype in dtypes}))
        return Conversion(
            "uint8", _as_uint8, f"{kinds} images hold whole numbers {values}: stored as uint8"
        )
    if any(dtype.kind != "f" for dtype in dtypes):
        return _of_integers(values, names)
    return _of_floats(values, names, dtypes)


def _of_integers(values: ValueRange, names: str) -> Conversion:
    if values.low >= 0 and values.high <= GREY_LEVELS:
        return Conversion(
            "uint8", _as_uint8, f"integer images hold {values} only: stored as uint8, nearly black"
        )
    raise ValueError(
        f"{names}: integer images must be in 0..{GREY_LEVELS}, got {values}; save them as float32 "
        "divided by their largest possible value"
    )


def _of_floats(values: ValueRange, names: str, dtypes: set[np.dtype[Any]]) -> Conversion:
    kinds = ", ".join(sorted({dtype.name for dtype in dtypes}))
    if values.low >= 0 and values.high <= 1:
        note = None if dtypes == {np.dtype(np.float32)} else f"{kinds} images stored as float32"
        return Conversion("float32", _as_float32, note)
    if values.low >= 0 and _STANDARDISED < values.high <= GREY_LEVELS:
        return Conversion(
            "float32",
            _divided,
            f"{kinds} images in {values} are divided by {GREY_LEVELS}, to be in 0..1",
        )
    if values.low >= -_STANDARDISED and values.high <= _STANDARDISED:
        return Conversion(
            "float32",
            _as_float32,
            f"{kinds} images are in {values}, neither 0..1 nor 0..{GREY_LEVELS}: kept as they are. "
            "Training takes them so; reports show what is in 0..1",
        )
    raise ValueError(
        f"{names}: floating-point images must be in 0..1 or 0..{GREY_LEVELS}, got {values}; scale "
        "them to 0..1, clipping what is outside"
    )


def _range_of(arrays: Mapping[str, Array]) -> ValueRange:
    low, high, is_whole = np.inf, -np.inf, True
    for name, array in arrays.items():
        for start in range(0, len(array), BATCH_SIZE):
            rows = array[start : start + BATCH_SIZE]
            if rows.dtype.kind == "f":
                _require_finite(rows, name, start)
                is_whole = is_whole and bool((rows == np.floor(rows)).all())
            low, high = min(low, rows.min()), max(high, rows.max())
    return ValueRange(float(low), float(high), is_whole)


def _require_finite(rows: Array, name: str, first_row: int) -> None:
    finite = np.isfinite(rows).all(axis=tuple(range(1, rows.ndim)))
    if not finite.all():
        row = first_row + int(finite.argmin())
        raise ValueError(f"{name} must be finite, got NaN or infinity in row {row}")


def _from_booleans(images: Array) -> Array:
    return np.asarray(images, np.uint8) * np.uint8(GREY_LEVELS)


def _as_uint8(images: Array) -> Array:
    return np.asarray(images, np.uint8)


def _as_float32(images: Array) -> Array:
    return np.asarray(images, np.float32)


def _divided(images: Array) -> Array:
    return np.asarray(images / GREY_LEVELS, np.float32)
