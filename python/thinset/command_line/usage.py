"""Mistakes in the command line itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class UsageError(ValueError):
    """An option is missing, does not apply, or excludes another one; the exit status is 2."""


def refuse(names: Iterable[str], what: str) -> None:
    """Raise UsageError for the first of `names`, options that do not apply to `what`."""
    for name in names:
        raise UsageError(f"--{name.replace('_', '-')} does not apply to {what}")
