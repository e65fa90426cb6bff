"""Formats numbers for pages and figures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thinset.duration import Duration

PERCENT = "\N{NO-BREAK SPACE}%"
MINUS = "\N{MINUS SIGN}"

_UNITS = {"st": "steps", "ep": "epochs", "sa": "samples", "s": "s", "min": "min", "h": "h"}


def spoken_points(difference: float) -> str:
    """Return percentage points with their sign and one decimal, "+1.2".

    A difference that one decimal would round to zero gets up to three, "-0.02", so that the reader
    can see whether an interval excludes zero.
    """
    size = abs(difference)
    decimals = 1 if size >= 0.05 else 2 if size >= 0.005 else 3
    text = f"{difference:+.{decimals}f}"
    return "0.0" if float(text) == 0.0 else text.replace("-", MINUS)


def spoken_length(total: Duration) -> str:
    """Return a duration in words, "10000st" as "10,000 steps"."""
    return f"{total.amount:,.10g} {_UNITS[total.unit]}"


def spoken_seconds(seconds: float) -> str:
    """Return seconds with the decimals that matter: "0.004 s", "2.48 s", "24.8 s", "2,480 s"."""
    if 0.0 < seconds < 0.095:
        return f"{seconds:.1g} s"
    decimals = 0 if seconds == 0.0 or seconds >= 99.95 else 1 if seconds >= 9.995 else 2
    return f"{seconds:,.{decimals}f} s"


def spoken_share(part: float, whole: float) -> str:
    """Return part of whole in percent with one decimal; a share too small for it is "< 0.1 %"."""
    percent = 100.0 * part / whole if whole > 0.0 else 0.0
    return f"< 0.1{PERCENT}" if 0.0 < percent < 0.05 else f"{percent:.1f}{PERCENT}"


def shortened(name: str, limit: int = 28) -> str:
    """Cut the middle out of a name that would not fit into a figure; arms differ at their ends."""
    if len(name) <= limit:
        return name
    n_last = (limit - 1) // 2
    return f"{name[: limit - 1 - n_last]}\N{HORIZONTAL ELLIPSIS}{name[-n_last:]}"


def in_lines(name: str, limit: int = 28, most: int = 3) -> str:
    """Break a name that is longer than `limit` at spaces and after colons, into `most` lines.

    Arms may differ in the middle, which `shortened` cuts out. Words that are longer than a line are
    shortened, and so is the last line if there is more than fits.
    """
    lines = [""]
    for word in re.split(r"(?<=[: ])", name):
        if lines[-1] and len((lines[-1] + word).rstrip()) > limit and len(lines) < most:
            lines.append("")
        lines[-1] += word
    return "\n".join(shortened(line.rstrip(), limit) for line in lines)
