"""Mistakes in the command line itself."""

from __future__ import annotations


class UsageError(ValueError):
    """An option is missing, does not apply, or excludes another one; the exit status is 2."""
