"""Parts in the processes of torch.distributed (gloo, or any backend that moves CPU tensors).

Every rank runs the same program and calls `select`. Rank r holds part r; the answers of all ranks
are gathered by all, so that every rank takes the same decisions and has the same result.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime as dt
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.distributed import failures
from thinset.distributed.engine import Engine, as_wait
from thinset.distributed.failures import WorkerLostError
from thinset.distributed.messages import as_bytes, from_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thinset.distributed.engine import Call, Job, Worker
    from thinset.distributed.messages import Arrays

_SECONDS_TO_LEAVE = 10
_ERRORS: dict[str, type[Exception]] = {
    "ShardError": failures.ShardError,
    "ShardChangedError": failures.ShardChangedError,
    "FileNotFoundError": FileNotFoundError,
    "ValueError": ValueError,
    "OSError": OSError,
}


class TorchEngine(Engine):
    """The process group of this program; one of gloo is made if there is none.

    wait: seconds after which a rank that does not answer counts as lost; of the first engine.
    """

    name = "torch"
    sends = False

    def __init__(self, n_workers: int | None = None, wait: float = 1800.0) -> None:
        try:
            import torch
            import torch.distributed as dist
        except ImportError as error:
            raise ImportError(
                "engine='torch' needs PyTorch: pip install 'thinset[train]'"
            ) from error
        self._torch, self._dist = torch, dist
        limit = dt.timedelta(seconds=as_wait(wait))
        if not dist.is_initialized() and "RANK" not in os.environ:
            raise ValueError(
                "engine='torch' needs a process group: start the program with torchrun, such as "
                "torchrun --nproc-per-node 2 -m thinset select ... --engine torch"
            )
        with _lost_ranks():
            self._group = _gloo_group(dist, limit)
        self._rank, self._size = dist.get_rank(), dist.get_world_size()
        if n_workers not in (None, self._size):
            raise ValueError(
                f"n_workers must be the number of ranks, {self._size}, or None; got {n_workers}"
            )
        super().__init__(self._size)
        self._worker: Worker | None = None

    @property
    def is_first(self) -> bool:
        return self._rank == 0

    def _open(self, job: Job) -> None:
        self._worker = None

        def make() -> Arrays:
            if self._rank < len(job.parts):
                self._worker = job.worker(self._rank)
            return ()

        self._gather(make)

    def _round(self, calls: Sequence[Call]) -> list[Arrays]:
        worker = self._worker
        answers = self._gather(lambda: worker.call(calls[self._rank]) if worker is not None else ())
        return answers[: self.n_parts]

    def finish(self) -> None:
        worker = self._worker

        def check() -> Arrays:
            if worker is not None:
                worker.finish()
            return ()

        self._gather(check)

    def everywhere(self, compute: Callable[[], Arrays]) -> list[Arrays]:
        return self._gather(compute)

    def release(self) -> None:
        self._worker = None

    def close(self) -> None:
        self.release()
        self._group = None

    def _gather(self, compute: Callable[[], Arrays]) -> list[Arrays]:
        """What `compute` returns on every rank. An error of one rank is raised by all."""
        failure: BaseException | None = None
        try:
            message = b"ok\n" + as_bytes(compute())
        except Exception as error:  # noqa: BLE001 - raised by every rank below
            failure = error
            # Names of files need not be UTF-8.
            message = f"{type(error).__name__}\n{error}".encode(errors="surrogateescape")
        answers = []
        for rank, received in enumerate(self._all_gather(message)):
            kind, content = received.split(b"\n", 1)
            if kind != b"ok":
                if rank == self._rank and failure is not None:
                    raise failure
                name, text = kind.decode(), content.decode(errors="surrogateescape")
                raise _ERRORS.get(name, RuntimeError)(
                    text if name in _ERRORS else f"rank {rank} failed with {name}: {text}"
                )
            answers.append(from_bytes(content))
        return answers

    def _all_gather(self, message: bytes) -> list[bytes]:
        torch, dist = self._torch, self._dist
        with _lost_ranks():
            sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self._size)]
            dist.all_gather(sizes, torch.tensor([len(message)]), group=self._group)
            longest = int(max(size.item() for size in sizes))
            mine = torch.zeros(longest, dtype=torch.uint8)
            mine[: len(message)] = torch.from_numpy(np.frombuffer(message, np.uint8).copy())
            found = [torch.empty(longest, dtype=torch.uint8) for _ in range(self._size)]
            dist.all_gather(found, mine, group=self._group)
        return [
            tensor[: int(size.item())].numpy().tobytes()
            for tensor, size in zip(found, sizes, strict=True)
        ]


_groups: dict[int, Any] = {}
"""The group of gloo for each default group, made once: making one takes all ranks and a while."""


def _gloo_group(dist: Any, limit: dt.timedelta) -> Any:
    """A group of all ranks that moves CPU tensors, apart from those of a training."""
    if not dist.is_initialized():
        dist.init_process_group("gloo", timeout=limit)
        atexit.register(_leave, dist)
        _groups[id(dist.group.WORLD)] = dist.group.WORLD
    key = id(dist.group.WORLD)
    if key not in _groups:
        _groups[key] = dist.new_group(backend="gloo", timeout=limit)
    return _groups[key]


def _leave(dist: Any) -> None:
    """End the threads of gloo while Python still runs, and not before the other ranks are done."""
    _groups.clear()
    if dist.is_initialized():
        with contextlib.suppress(RuntimeError):  # others may have died
            dist.monitored_barrier(timeout=dt.timedelta(seconds=_SECONDS_TO_LEAVE))
        dist.destroy_process_group()


class _lost_ranks:  # noqa: N801 - a context manager
    """Turns what gloo says about a broken connection into WorkerLostError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, RuntimeError) and not isinstance(error, WorkerLostError):
            raise WorkerLostError(
                f"a rank died or cannot be reached: {str(error).splitlines()[0]}; start all ranks "
                "again: with the same folder they continue after the last finished round"
            ) from error
