"""Seeds of everything but selection, which takes those of its native core."""

from __future__ import annotations

import numbers

from thinset.files.shown import shown


def require_seed(name: str, value: object) -> None:
    """Raise ValueError, naming the argument, for a seed that manifests and records cannot hold."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or not 0 <= value < 2**63:  # type: ignore[operator]
        raise ValueError(f"{name} must be a whole number from 0 to 2**63 - 1, got {shown(value)}")
