"""Values as messages show them."""

from __future__ import annotations

_LONGEST = 80


def shown(value: object) -> str:
    """A value on one line, shortened if it is long."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python refuses to format integers of more than 4,300 digits
        return "an integer of thousands of digits"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
