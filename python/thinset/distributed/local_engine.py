"""All parts in this process, one after the other: for tests, and for shards larger than memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.distributed.engine import Engine, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thinset.distributed.engine import Call, Work
    from thinset.distributed.messages import Arrays
    from thinset.distributed.shards import Part


class LocalEngine(Engine):
    """n_workers: into how many parts the rows are cut."""

    name = "local"

    def __init__(self, n_workers: int = 1) -> None:
        super().__init__()
        self._n_workers = n_workers
        self._workers: list[Worker] = []

    @property
    def n_workers(self) -> int:
        return self._n_workers

    @property
    def n_parts(self) -> int:
        return len(self._workers)

    def open(
        self,
        parts: Sequence[Part],
        work: Work,
        settings: dict[str, Any],
        replay: Callable[[int], list[Call]],
    ) -> None:
        self._workers = [Worker(part, work, settings) for part in parts]
        for part, worker in zip(parts, self._workers, strict=True):
            for call in replay(part.number):
                worker.call(call)

    def _round(self, calls: Sequence[Call]) -> list[Arrays]:
        return [worker.call(call) for worker, call in zip(self._workers, calls, strict=True)]

    def finish(self) -> None:
        for worker in self._workers:
            worker.finish()

    def close(self) -> None:
        self._workers = []
