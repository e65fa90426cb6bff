"""Lists in messages: how many there are and the first few."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN = 3


def first_of(items: Sequence[object], shown: int = _SHOWN) -> str:
    """The first items, and how many more there are."""
    text = ", ".join(str(item) for item in items[:shown])
    return text if len(items) <= shown else f"{text} and {len(items) - shown:,} more"


def count(n: int, thing: str, things: str | None = None) -> str:
    """A number with its noun: "1 file", "2 files"."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"
