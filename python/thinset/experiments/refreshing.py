"""Writes the page of an unfinished experiment, without slowing the experiment down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSES = 19


class Refresher:
    """Calls `write` when it is called, at most for a twentieth of the time.

    Trainings of a second would otherwise wait for their page. The first call always writes.
    """

    def __init__(self, write: Callable[[], object]) -> None:
        self._write = write
        self._not_before = time.monotonic()

    def __call__(self) -> None:
        start = time.monotonic()
        if start < self._not_before:
            return
        self._write()
        end = time.monotonic()
        self._not_before = end + _PAUSES * (end - start)
