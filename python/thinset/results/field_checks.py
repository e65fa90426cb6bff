"""Checks of the fields of a record: each raises ValueError with the field and the value."""

# A wrong type in a file is bad data, not a programming error: ValueError, like any bad value.

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Require one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def check_texts(record: Any, *names: str) -> None:
    """Require strings."""
    for name in names:
        if not isinstance(getattr(record, name), str):
            raise ValueError(f"{name} must be a string, got {getattr(record, name)!r}")


def check_integers(record: Any, *names: str) -> None:
    """Require integers from 0 to 2**63 - 1 (a bool is none)."""
    for name in names:
        value = getattr(record, name)
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        if not is_integer or not 0 <= value < 2**63:
            raise ValueError(
                f"{name} must be an integer of at least 0 and below 2**63, got {value!r}"
            )


def check_mappings(record: Any, *names: str) -> None:
    """Require mappings."""
    for name in names:
        if not isinstance(getattr(record, name), dict):
            raise ValueError(f"{name} must be a mapping, got {getattr(record, name)!r}")


def check_numbers(
    record: Any, *names: str, low: float = 0.0, high: float = math.inf, optional: bool = False
) -> None:
    """Require finite numbers from `low` to `high`; where `optional`, None as well."""
    for name in names:
        value = getattr(record, name)
        if value is not None or not optional:
            check_number(name, value, low, high)


def check_number(name: str, value: Any, low: float, high: float) -> None:
    """Require a finite number from `low` to `high`, both included."""
    valid = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not valid or not low <= value <= high:
        raise ValueError(f"{name} must be a finite number from {low:g} to {high:g}, got {value!r}")


def check_keys(kind: type[Any], content: Any, where: str) -> None:
    """Require a mapping with exactly the fields of the dataclass `kind`."""
    if not isinstance(content, dict):
        raise ValueError(f"{where} must be a mapping, got {content!r}")
    expected = {field.name for field in fields(kind)}
    if missing := sorted(expected - set(content)):
        raise ValueError(f"{where} lacks the keys {missing}")
    if unknown := sorted(set(content) - expected):
        raise ValueError(f"{where} has the unknown keys {unknown}")


def decode_rows(kind: type[Any], rows: Any, where: str) -> tuple[Any, ...]:
    """Build a dataclass of `kind` from every mapping in a list."""
    if not isinstance(rows, list):
        raise ValueError(f"{where} must be a list, got {rows!r}")
    decoded = []
    for number, row in enumerate(rows):
        check_keys(kind, row, f"{where}[{number}]")
        try:
            decoded.append(kind(**row))
        except ValueError as error:
            raise ValueError(f"{where}[{number}]: {error}") from error
    return tuple(decoded)
