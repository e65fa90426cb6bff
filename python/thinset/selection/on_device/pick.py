"""What the methods on a device share: their result, and word of how far they are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

# Positions int64 (k,) and gains float64 (k,), in the order of choice, on the device.
Picks: TypeAlias = tuple[torch.Tensor, torch.Tensor]

_SECONDS_BETWEEN_REPORTS = 0.05


class Progress:
    """Calls (done, total) about every 50 ms; `total` is the work of the whole selection."""

    def __init__(self, callback: Callable[[int, int], None] | None, total: int) -> None:
        self._callback = callback
        self._total = total
        self._done = 0
        self._last = time.monotonic()

    def advance(self, units: int) -> None:
        self._done = min(self._done + units, self._total)
        now = time.monotonic()
        if self._callback is not None and now - self._last >= _SECONDS_BETWEEN_REPORTS:
            self._last = now
            self._callback(self._done, self._total)
