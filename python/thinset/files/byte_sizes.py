"""Numbers of bytes as people write them: 512MB, 2 GiB."""

from __future__ import annotations

import numbers
import re
from typing import Any

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


def parse_bytes(value: Any) -> float | None:
    """The bytes that a number, or text such as "512MB", means; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, numbers.Real):
        return value  # type: ignore[return-value]  # not as float, which may overflow
    if not isinstance(value, str):
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", value.lower())
    if match is None or match[2] not in _UNITS:
        return None
    return float(match[1]) * _UNITS[match[2]]


def shown_bytes(size: int) -> str:
    """A number of bytes in three digits, with its unit."""
    for power, unit in enumerate(("EB", "PB", "TB", "GB", "MB", "kB")):
        bytes_of_unit = 1000 ** (6 - power)
        if size >= bytes_of_unit:
            return f"{size / bytes_of_unit:.3g} {unit}"
    return f"{size} bytes"
