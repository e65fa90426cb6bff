"""Keeps a training loop from queueing steps far ahead of the GPU."""

from __future__ import annotations

from collections import deque

import torch

_MOST = 2


class StepsInFlight:
    """Waits for the step before the last; otherwise time limits would be noticed late."""

    def __init__(self, device: torch.device) -> None:
        self._events: deque[torch.cuda.Event] | None = deque() if device.type == "cuda" else None

    def wait(self) -> None:
        """Call after each step; returns at once on the CPU."""
        if self._events is None:
            return
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._events.append(event)
        if len(self._events) > _MOST:
            self._events.popleft().synchronize()
