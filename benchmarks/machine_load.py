"""How busy other programs keep the machine (Linux)."""

from __future__ import annotations

import os
import time


def busy_seconds():
    """Processor time that all programs and, of these, our own children have used (Linux)."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal, *_ = map(int, file.readline().split()[1:])
    ticks = user + nice + system + irq + softirq + steal
    own = os.times()
    return ticks / os.sysconf("SC_CLK_TCK"), own.children_user + own.children_system


class LoadOfOthers:
    """A context manager: which share of the processors other programs used meanwhile."""

    def __enter__(self):
        self._start = time.monotonic(), *busy_seconds()
        return self

    def __exit__(self, *error):
        elapsed, everyone, own = (
            now - then
            for now, then in zip((time.monotonic(), *busy_seconds()), self._start, strict=True)
        )
        self.share = max(0.0, everyone - own) / elapsed / os.cpu_count()
