"""All parts in this process, with the time that each of them takes: what W machines would take.

Parts work one after the other, or a few at once, but a round on W machines takes as long as its
slowest part.
"""

from __future__ import annotations

import functools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from thinset.distributed.local_engine import LocalEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thinset.distributed.engine import Call, Job
    from thinset.distributed.messages import Arrays

OPENING = "open"
RELEASE = "release"
_Done = TypeVar("_Done")


@dataclass(frozen=True)
class MeasuredRound:
    """One call to all parts.

    name: of the call, or "open" or "release". seconds: of each part.
    """

    name: str
    seconds: tuple[float, ...]


class MeasuredEngine(LocalEngine):
    """n_workers: into how many parts the rows are cut. at_once: how many of them work at a time.

    With one thread for each worker, seconds are those of a processor, so that other programs do
    not count, nor does waiting for a disk.
    """

    def __init__(self, n_workers: int, n_threads: int = 1, at_once: int = 1) -> None:
        super().__init__(n_workers)
        self.measured: list[MeasuredRound] = []
        self._clock = time.thread_time if n_threads == 1 else time.perf_counter
        self._pool = ThreadPoolExecutor(at_once) if at_once > 1 else None

    def _open(self, job: Job) -> None:
        found = self._timed([functools.partial(job.worker, part.number) for part in job.parts])
        self._workers = [worker for worker, _ in found]
        self.measured.append(MeasuredRound(OPENING, tuple(seconds for _, seconds in found)))

    def _round(self, calls: Sequence[Call]) -> list[Arrays]:
        pairs = zip(self._workers, calls, strict=True)
        found = self._timed([functools.partial(worker.call, call) for worker, call in pairs])
        self.measured.append(MeasuredRound(calls[0].name, tuple(seconds for _, seconds in found)))
        return [answer for answer, _ in found]

    def _timed(self, works: list[Callable[[], _Done]]) -> list[tuple[_Done, float]]:
        def timed(work: Callable[[], _Done]) -> tuple[_Done, float]:
            started = self._clock()
            return work(), self._clock() - started

        return list(self._pool.map(timed, works) if self._pool else map(timed, works))

    def release(self) -> None:
        if self._workers:
            # Each machine frees its own memory, so this is not the driver's work either.
            found = self._timed([self._release_one] * len(self._workers))
            self.measured.append(MeasuredRound(RELEASE, tuple(seconds for _, seconds in found)))

    def _release_one(self) -> None:
        self._workers.pop(0)

    def close(self) -> None:
        super().close()
        if self._pool is not None:
            self._pool.shutdown()
