"""Values as messages show them."""

from __future__ import annotations

_LONGEST = 80
_HOUR = 3600.0
_YEAR = 365.25 * 24 * _HOUR


def shown(value: object) -> str:
    """A value on one line, shortened if it is long."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python refuses to format integers of more than 4,300 digits
        return "an integer of thousands of digits"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def shown_seconds(seconds: float) -> str:
    """A predicted time in the unit that fits it, in two or three digits."""
    if seconds < 1:
        return f"{max(1, round(1000 * seconds))} ms"
    if seconds < 180:
        return f"{seconds:.2g} s" if seconds < 99 else f"{seconds:.0f} s"
    if seconds < 3 * _HOUR:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * _HOUR:
        return f"{seconds / _HOUR:.1f} h"
    if seconds < 2 * _YEAR:
        return f"{seconds / (24 * _HOUR):.0f} days"
    return f"{seconds / _YEAR:.0f} years" if seconds < 1000 * _YEAR else "more than 1,000 years"
