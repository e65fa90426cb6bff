"""The small interface that every algorithm is written for: calls to all workers, in rounds.

Each worker holds one part of the rows. A call goes to every worker and comes back with one answer
for each part, in their order, whatever order they finish in. Reducing and deciding is done by the
caller from these answers, so that a result does not depend on the engine.
"""

from __future__ import annotations

import abc
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thinset.distributed.failures import WorkerLostError
from thinset.distributed.held_rows import HeldRows
from thinset.distributed.messages import n_bytes
from thinset.selection.arguments import is_int, is_real, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from thinset.distributed.messages import Arrays
    from thinset.distributed.shards import Part

_MOST_WORKERS = 65_536
_LONGEST_WAIT = 10**7  # of what timers in C take
OF_ROWS = ("digests", "points")
"""Calls that the rows of a worker answer, whatever its work is."""

Work = Any
"""A class made with (HeldRows, **settings). Its methods take and return arrays."""


@dataclass(frozen=True)
class Call:
    """The name of a method of a worker, and its arguments: arrays."""

    name: str
    arguments: Arrays = ()


@dataclass
class Traffic:
    """What a selection exchanged so far.

    rounds: calls to all workers. bytes_sent: to the workers, one copy for each. bytes_received:
    from them. seconds: of the rounds, one entry each. replaced: workers that died.
    """

    rounds: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds: list[float] = field(default_factory=list)
    replaced: int = 0


class Worker:
    """What runs on each machine: the rows of a part, and what an algorithm does with them.

    calls: what is called first, to bring it to where the workers of other parts are.
    """

    def __init__(
        self, part: Part, work: Work, settings: dict[str, Any], calls: Sequence[Call] = ()
    ) -> None:
        self._rows = HeldRows(part)
        with self._rows.locating():
            self._work = work(self._rows, **settings)
        for call in calls:
            self.call(call)

    def call(self, call: Call) -> Arrays:
        self._rows.check_at_times()
        holder = self._rows if call.name in OF_ROWS else self._work
        with self._rows.locating():
            answer: Arrays = getattr(holder, call.name)(*call.arguments)
        return answer

    def finish(self) -> None:
        """Raise if a shard has changed."""
        self._rows.require_unchanged()


@dataclass(frozen=True)
class Job:
    """What workers are opened for: `work`, made with `settings`, on each of the parts.

    replay: the calls that bring a new worker of a part to where the others are.
    """

    parts: Sequence[Part]
    work: Work
    settings: dict[str, Any]
    replay: Callable[[int], list[Call]]

    def worker(self, number: int) -> Worker:
        """A worker of part `number` in this process."""
        return Worker(self.parts[number], self.work, self.settings, self.replay(number))


def as_workers(n_workers: object) -> int:
    """A number of workers; ValueError for anything else."""
    if is_int(n_workers) and 1 <= n_workers <= _MOST_WORKERS:
        return int(n_workers)
    raise ValueError(f"n_workers must be an int in [1, {_MOST_WORKERS:,}], got {shown(n_workers)}")


def as_wait(wait: object) -> float:
    """Seconds that an engine waits for a worker; ValueError for anything else."""
    if is_real(wait) and 0 < wait <= _LONGEST_WAIT:
        return float(wait)
    raise ValueError(
        f"wait must be a number of seconds in (0, {_LONGEST_WAIT:,}], got {shown(wait)}"
    )


class Engine(abc.ABC):
    """Workers that hold the parts of a matrix. `with` closes it.

    n_workers: how many parts the rows are to be cut into. n_parts: the number of parts that are
    open.
    """

    name = ""
    sends = True
    """Whether the arguments of calls travel; ranks of torch.distributed compute their own."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = as_workers(n_workers)
        self.n_parts = 0
        self.traffic = Traffic()

    @property
    def is_first(self) -> bool:
        """Whether this process writes files; the engine of a single driver always does."""
        return True

    def open(self, job: Job) -> None:
        """Let every worker open its part. At most `n_workers` parts; others have no work."""
        self.n_parts = len(job.parts)
        self._open(job)

    def call(self, name: str, *arguments: NDArray[Any]) -> list[Arrays]:
        """The same call to all; the answers in the order of the parts."""
        return self.call_each(name, [arguments] * self.n_parts)

    def call_each(self, name: str, arguments: Sequence[Arrays]) -> list[Arrays]:
        """One call for each part, with arguments of its own."""
        started = time.perf_counter()
        answers = self._round([Call(name, each) for each in arguments])
        traffic = self.traffic
        traffic.rounds += 1
        traffic.bytes_sent += self.sends * sum(n_bytes(each) for each in arguments)
        traffic.bytes_received += sum(n_bytes(answer) for answer in answers)
        traffic.seconds.append(time.perf_counter() - started)
        return answers

    @abc.abstractmethod
    def _open(self, job: Job) -> None: ...

    @abc.abstractmethod
    def _round(self, calls: Sequence[Call]) -> list[Arrays]: ...

    @abc.abstractmethod
    def finish(self) -> None:
        """Raise ShardChangedError if a shard is no longer as it was listed."""

    def everywhere(self, compute: Callable[[], Arrays]) -> list[Arrays]:
        """What `compute` returns in each process that runs this program: one, but for torch.

        An exception in one of them is raised in all.
        """
        return [compute()]

    def on_first(self, compute: Callable[[], Arrays]) -> Arrays:
        """What `compute` returns in the process that writes files; all get the same."""
        return self.everywhere(lambda: compute() if self.is_first else ())[0]

    @abc.abstractmethod
    def release(self) -> None:
        """Let the workers of the last job go, with what they hold; others may be opened."""

    def close(self) -> None:
        """Release the workers, and what the engine started."""
        self.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lost(part: int, why: object) -> WorkerLostError:
    """The error about a worker that cannot be replaced."""
    return WorkerLostError(
        f"the worker of part {part} was lost: {why}; the same call with the same folder continues "
        "after the last finished round"
    )
