"""Wall-clock time of a run by stage."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Ledger:
    """Seconds per named stage, so that a time budget can count everything the user waits for.

    `clock` gives seconds and never goes back. Stages may be entered more than once: their times
    add up, also where an exception ends one. They do not nest: the same second would count twice.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: dict[str, float] = {}
        self._open_stage: str | None = None

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the `with` block; ValueError inside another stage."""
        if self._open_stage is not None:
            raise ValueError(f"stage {name!r} cannot begin inside stage {self._open_stage!r}")
        self._open_stage = name
        start = self._clock()
        try:
            yield
        finally:
            self._open_stage = None
            self.add(name, self._clock() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count time that was measured elsewhere; ValueError if it is negative or not finite."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"seconds of stage {name!r} must be finite and >= 0, got {seconds}")
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds per stage, in the order in which the stages were first entered."""
        return dict(self._seconds)

    @property
    def total(self) -> float:
        """Seconds over all stages."""
        return sum(self._seconds.values())
