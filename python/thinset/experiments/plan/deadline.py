"""The time that planning may take."""

from __future__ import annotations

import time

from thinset.results.wording import spoken_seconds


class NoTimeToMeasureError(Exception):
    """A measurement does not fit in the remaining planning time; the message says which."""


class Deadline:
    """`seconds` from now on; measurements that would end later are skipped.

    whose: what has the time, for messages.
    """

    def __init__(self, seconds: float, whose: str = "planning") -> None:
        self._whose = whose
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 after it."""
        return max(self._end - time.monotonic(), 0.0)

    def or_at_least(self, seconds: float) -> Deadline:
        """This deadline, or one that is `seconds` from now, whichever is later."""
        return Deadline(max(self.left, seconds), self._whose)

    def require(self, seconds: float, what: str) -> None:
        """Raise NoTimeToMeasureError unless `seconds`, the time that `what` takes, remain."""
        if seconds > self.left:
            raise NoTimeToMeasureError(
                f"{what} would take about {spoken_seconds(seconds)}, and {self._whose} has "
                f"{spoken_seconds(self.left)} left"
            )

    def check(self) -> None:
        """Raise NoTimeToMeasureError after the deadline."""
        if self.left == 0:
            raise NoTimeToMeasureError(f"{self._whose} has no time left for it")
