"""All parts in this process, one after the other: for tests, and for shards larger than memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.distributed.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.distributed.engine import Call, Job, Worker
    from thinset.distributed.messages import Arrays


class LocalEngine(Engine):
    """n_workers: into how many parts the rows are cut."""

    name = "local"

    def __init__(self, n_workers: int = 1) -> None:
        super().__init__(n_workers)
        self._workers: list[Worker] = []

    def _open(self, job: Job) -> None:
        self._workers = [job.worker(number) for number in range(len(job.parts))]

    def _round(self, calls: Sequence[Call]) -> list[Arrays]:
        return [worker.call(call) for worker, call in zip(self._workers, calls, strict=True)]

    def finish(self) -> None:
        for worker in self._workers:
            worker.finish()

    def release(self) -> None:
        self._workers = []
