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
_GREY = f"0..{GREY_LEVELS}"
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
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Reading:
    """What the values of one split are taken for, whether uint8 holds them, and what to say."""

    scale: str
    is_uint8: bool
    convert: Callable[[Array], Array]
    note: str | None = None


def conversion_of(arrays: Mapping[str, Array]) -> Conversion:
    """Choose the conversion of the images of a source, by their dtypes and ranges of values.

    Each split is judged by itself. uint8 stays; booleans become 0 and 255; other integers in 0..255
    become uint8. Floating point in 0..1 stays, as float32; whole numbers in 0..255 become uint8;
    other values in 0..255 are divided by 255, together with the 0..255 of other splits; values that
    look standardised (within -16..16) stay. `arrays` are images (N, ...) of each split by what
    messages call them.

    Raises ValueError for other dtypes and ranges, where splits disagree in what their values are,
    and naming the row for NaN and infinity.
    """
    readings = {name: _read(name, array) for name, array in arrays.items()}
    first = next(iter(readings))
    for name, reading in readings.items():
        if reading.scale != readings[first].scale:
            one, other = (
                f"{which} holds {_described(which, arrays[which])} (scale: {readings[which].scale})"
                for which in (first, name)
            )
            raise ValueError(
                f"{one}, but {other}; all splits need the same scale of values: save both as uint8 "
                "in 0..255, or both as float32 in 0..1 or standardised alike"
            )
    if len({reading.is_uint8 for reading in readings.values()}) == 2:
        kinds = ", ".join(sorted({array.dtype.name for array in arrays.values()}))
        note = f"{kinds} images in 0..{GREY_LEVELS} are divided by {GREY_LEVELS}, to be in 0..1"
        return Conversion("float32", _divided, (note,))
    notes = {name: reading.note for name, reading in readings.items()}
    if len(set(notes.values())) > 1:
        notes = {name: note and f"{name}: {note}" for name, note in notes.items()}
    said = tuple(dict.fromkeys(note for note in notes.values() if note))
    reading = readings[first]
    return Conversion("uint8" if reading.is_uint8 else "float32", reading.convert, said)


def _read(name: str, array: Array) -> _Reading:
    if array.dtype == np.uint8:
        return _Reading(_GREY, is_uint8=True, convert=_as_uint8)
    if array.dtype == bool:
        note = "booleans are stored as 0 and 255"
        return _Reading("true and false", is_uint8=True, convert=_from_booleans, note=note)
    if array.dtype.kind not in "uif" or array.dtype.itemsize > 8:
        raise ValueError(
            f"{name} must be uint8, another integer type or floating point, got {array.dtype}"
        )
    values = _range_of(name, array)
    if values.is_whole and values.low >= 0 and 1 < values.high <= GREY_LEVELS:
        note = f"{array.dtype} images hold whole numbers {values}: stored as uint8"
        return _Reading(_GREY, is_uint8=True, convert=_as_uint8, note=note)
    if array.dtype.kind == "f":
        return _of_floats(name, values, array.dtype)
    if values.low >= 0 and values.high <= GREY_LEVELS:
        note = f"integer images hold {values} only: stored as uint8, nearly black"
        return _Reading(_GREY, is_uint8=True, convert=_as_uint8, note=note)
    raise ValueError(
        f"{name}: integer images must be in 0..{GREY_LEVELS}, got {values}; save them as float32 "
        "divided by their largest possible value"
    )


def _of_floats(name: str, values: ValueRange, dtype: np.dtype[Any]) -> _Reading:
    if values.low >= 0 and values.high <= 1:
        note = None if dtype == np.dtype(np.float32) else f"{dtype.name} images stored as float32"
        return _Reading("0..1", is_uint8=False, convert=_as_float32, note=note)
    if values.low >= 0 and _STANDARDISED < values.high <= GREY_LEVELS:
        note = f"{dtype.name} images in {values} are divided by {GREY_LEVELS}, to be in 0..1"
        return _Reading(_GREY, is_uint8=False, convert=_divided, note=note)
    if values.low >= -_STANDARDISED and values.high <= _STANDARDISED:
        note = (
            f"{dtype.name} images are in {values}, neither 0..1 nor 0..{GREY_LEVELS}: kept as they "
            "are. Training takes them so; reports show what is in 0..1"
        )
        return _Reading(f"neither 0..1 nor {_GREY}", is_uint8=False, convert=_as_float32, note=note)
    raise ValueError(
        f"{name}: floating-point images must be in 0..1 or 0..{GREY_LEVELS}, got {values}; scale "
        "them to 0..1, clipping what is outside"
    )


def _described(name: str, array: Array) -> str:
    return f"{array.dtype.name} in {_range_of(name, array)}"


def _range_of(name: str, array: Array) -> ValueRange:
    low, high, is_whole = np.inf, -np.inf, True
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
