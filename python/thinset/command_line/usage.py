"""Mistakes in the command line itself."""

from __future__ import annotations


class UsageError(ValueError):
    """An option is missing, or two options exclude each other; the exit status is 2."""
