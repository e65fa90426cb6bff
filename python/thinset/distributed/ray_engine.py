"""Parts in Ray actors. An actor that dies is replaced, and the new one replays what is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from thinset.distributed.engine import Engine, Worker, as_wait, lost
from thinset.distributed.failures import WorkerLostError
from thinset.selection.arguments import is_int, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from thinset.distributed.engine import Call, Job, Work
    from thinset.distributed.messages import Arrays
    from thinset.distributed.shards import Part

_MOST_DEATHS_IN_A_ROW = 3


def import_ray() -> Any:
    """The module; ImportError names the extra."""
    try:
        import ray
    except ImportError as error:
        raise ImportError("engine='ray' needs Ray: pip install 'thinset[ray]'") from error
    return ray


class RayEngine(Engine):
    """Actors on the Ray cluster that this process is connected to, else on one started here.

    n_workers: by default one for each CPU of the cluster. cpus_per_worker: what each reserves, and
    how many threads it uses. wait: seconds until the cluster must have placed a worker, at the
    start or in the place of one that died.
    """

    name = "ray"

    def __init__(
        self, n_workers: int | None = None, cpus_per_worker: int = 1, wait: float = 300.0
    ) -> None:
        if not (is_int(cpus_per_worker) and cpus_per_worker >= 1):
            raise ValueError(
                f"cpus_per_worker must be an int of at least 1, got {shown(cpus_per_worker)}"
            )
        self._wait = as_wait(wait)
        self._ray = import_ray()
        self._started = not self._ray.is_initialized()
        if self._started:
            self._ray.init(
                include_dashboard=False, log_to_driver=False, logging_level="error",
                configure_logging=False,
            )  # fmt: skip
        self.cpus_per_worker = cpus_per_worker
        try:
            super().__init__(self._checked(n_workers))
        except BaseException:
            self.close()
            raise
        self._actors: list[Any] = []
        self._make: Callable[[int], Any] = lambda _: None
        self._replay: Callable[[int], list[Call]] = lambda _: []

    def _checked(self, n_workers: int | None) -> int:
        available = int(self._ray.cluster_resources().get("CPU", 0))
        most = available // self.cpus_per_worker
        wanted = most if n_workers is None else n_workers
        if not (is_int(wanted) and 1 <= wanted <= most):
            raise ValueError(
                f"n_workers must be in [1, {most}]: the Ray cluster has {available} CPUs, and each "
                f"worker takes {self.cpus_per_worker}; got {shown(wanted)}"
            )
        return wanted

    @property
    def process_ids(self) -> list[int]:
        """Of the actors, in the order of the parts."""
        found: list[int] = self._ray.get([actor.process_id.remote() for actor in self._actors])
        return found

    def _open(self, job: Job) -> None:
        self.release()
        actor = self._ray.remote(num_cpus=self.cpus_per_worker, max_restarts=0)(_Actor)
        # Arrays of shards are put into the object store once, however often workers are replaced.
        stored = [self._ray.put(part) for part in job.parts]
        shared = self._ray.put(job.settings)
        self._make = lambda number: actor.remote(stored[number], job.work, shared)
        self._replay = job.replay
        self._actors = [self._make(number) for number in range(len(job.parts))]
        self._await_placed(range(len(self._actors)))
        self._gather(lambda number: self._actors[number].catch_up.remote(job.replay(number)))

    def _round(self, calls: Sequence[Call]) -> list[Arrays]:
        return self._gather(lambda number: self._actors[number].call.remote(calls[number]))

    def finish(self) -> None:
        self._gather(lambda number: self._actors[number].finish.remote())

    def close(self) -> None:
        self.release()
        if self._started and self._ray.is_initialized():
            self._ray.shutdown()
            self._started = False

    def release(self) -> None:
        for actor in getattr(self, "_actors", ()):
            self._ray.kill(actor)
        self._actors = []

    def _await_placed(self, numbers: Iterable[int]) -> None:
        """Raise WorkerLostError if the cluster has no place for one of these workers in time."""
        placed = {self._actors[number].process_id.remote(): number for number in numbers}
        _, missing = self._ray.wait(list(placed), num_returns=len(placed), timeout=self._wait)
        if missing:
            raise WorkerLostError(
                f"the Ray cluster did not start the worker of part {placed[missing[0]]} within "
                f"{self._wait:g} s; free CPUs, or lower n_workers"
            )

    def _gather(self, submit: Callable[[int], Any]) -> list[Any]:
        """The answers of all parts in order; workers that die are replaced, and called again."""
        answers: dict[int, Any] = {}
        pending = {number: submit(number) for number in range(len(self._actors))}
        for deaths in range(_MOST_DEATHS_IN_A_ROW + 1):
            found = {number: self._get(future) for number, future in pending.items()}
            dead = {n: answer for n, answer in found.items() if isinstance(answer, _Death)}
            answers |= {n: answer for n, answer in found.items() if n not in dead}
            if not dead:
                return [answers[number] for number in range(len(self._actors))]
            if deaths == _MOST_DEATHS_IN_A_ROW:
                number, death = next(iter(dead.items()))
                raise lost(number, f"it died {deaths + 1} times in a row: {death.why}")
            for number in dead:
                self.traffic.replaced += 1
                self._actors[number] = self._make(number)
            self._await_placed(dead)
            for number in dead:
                # Calls of one actor run in their order, so that this comes first.
                self._actors[number].catch_up.remote(self._replay(number))
            pending = {number: submit(number) for number in dead}
        raise AssertionError

    def _get(self, future: Any) -> Any:
        """The answer of a part, or how its worker died."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(future)
        except errors.RayTaskError as error:
            raise (error.cause or error) from None
        except errors.RayActorError as error:
            return _Death(str(error))


class _Death(NamedTuple):
    why: str


class _Actor:
    """A worker in a process of Ray."""

    def __init__(self, part: Part, work: Work, settings: dict[str, Any]) -> None:
        # Not opened yet: an error in the constructor would look like the death of the actor.
        self._arguments = (part, work, settings)
        self._worker: Worker | None = None

    def catch_up(self, calls: list[Call]) -> None:
        self._worker = Worker(*self._arguments, calls)

    def call(self, call: Call) -> Arrays:
        assert self._worker is not None
        return self._worker.call(call)

    def finish(self) -> None:
        assert self._worker is not None
        self._worker.finish()

    def process_id(self) -> int:
        import os

        return os.getpid()
