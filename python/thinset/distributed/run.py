"""Runs an algorithm on an engine: opens the shards, goes round by round, keeps checkpoints."""

from __future__ import annotations

import hashlib
import json
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.distributed.engine import Job
from thinset.distributed.failures import ShardError, WorkerLostError
from thinset.distributed.held_rows import sha256_of
from thinset.distributed.run_folder import RunFolder
from thinset.distributed.shards import list_shards
from thinset.selection.arguments import is_real, shown
from thinset.selection.result import Selection

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from thinset.distributed.algorithm import Algorithm
    from thinset.distributed.engine import Engine
    from thinset.distributed.messages import Arrays
    from thinset.distributed.shards import Shard, ShardList


def shards_seen_by_all(engine: Engine, shards: object, column: str | None) -> ShardList:
    """`list_shards`; ShardError if the ranks of a program see different shards."""
    found: list[ShardList] = []

    def look() -> Arrays:
        found.append(list_shards(shards, column))
        return (np.array(found[0].fingerprint()),)

    seen = [str(answer[0]) for answer in engine.everywhere(look)]
    others = [rank for rank, fingerprint in enumerate(seen) if fingerprint != seen[0]]
    if others:
        raise ShardError(
            f"rank {others[0]} sees other shards than rank 0; all ranks need the same files, with "
            "the same names, sizes and modification times"
        )
    return found[0]


class Run:
    """One algorithm on one engine, with an optional folder.

    request: what a folder must have been made for, as JSON. digests: whether to compute them.
    """

    def __init__(
        self,
        engine: Engine,
        listed: ShardList,
        algorithm: Algorithm,
        request: Mapping[str, Any],
        *,
        folder: str | os.PathLike[str] | None,
        every: float,
        digests: bool,
    ) -> None:
        if not is_real(every) or not every >= 0:
            raise ValueError(
                f"checkpoint_seconds must be a number of at least 0, got {shown(every)}"
            )
        self._engine = engine
        self._listed = listed
        self._algorithm = algorithm
        self._request = {**request, "column": listed.column, "dtype": listed.dtype}
        _require_same_everywhere(engine, self._request)
        self._digests = digests
        self.folder: RunFolder | None = None
        """Only in the process that writes files."""
        self._has_folder = folder is not None

        def lock() -> Arrays:
            assert folder is not None
            self.folder = RunFolder(folder, every)
            return ()

        if folder is not None:
            engine.on_first(lock)

    def finished(self) -> Selection | None:
        """The result that the folder holds, if it is complete and the shards have not changed."""

        def look() -> Arrays:
            content = self.folder.finished() if self.folder is not None else None
            if content is None:
                return ()
            self._compare([_digest_of_array(shard) for shard in self._listed.shards])
            return (np.frombuffer(content, np.uint8),)

        found = self._engine.on_first(look) if self._has_folder else ()
        if not found:
            return None
        # The other ranks may not see the folder.
        with tempfile.NamedTemporaryFile(suffix=".npz") as copy:
            copy.write(found[0].data)
            copy.flush()
            return Selection.load(copy.name)

    def go(self, report: Callable[[int, int], None] | None) -> None:
        """Run to the end, from the last checkpoint if there is one."""
        engine, algorithm = self._engine, self._algorithm
        engine.open(Job(algorithm.parts, algorithm.work, algorithm.settings(), algorithm.replay))
        if self._has_folder:
            self._begin()
        state: Mapping[str, NDArray[Any]] | None = None
        is_complete = False
        try:
            while not is_complete:
                is_complete = algorithm.step(engine)
                if self.folder is not None:
                    state = algorithm.state()
                    self.folder.save(state)
                if report is not None:
                    report(*algorithm.progress())
        except BaseException as error:
            # Ctrl-C, SIGTERM in a command, and exits are no Exception.
            is_stopped = not isinstance(error, Exception) or isinstance(error, WorkerLostError)
            if is_stopped and self.folder is not None and state is not None:
                self.folder.save(state, at_once=True)
            raise
        engine.finish()

    def _begin(self) -> None:
        digests = self._digests_of_shards()

        def compare() -> Arrays:
            state = self._compare(digests).state()
            if state is None:
                return ()
            return (np.array(list(state), np.str_), *state.values())

        found = self._engine.on_first(compare)
        if found:
            names, *values = found
            state: dict[str, NDArray[Any]] = dict(zip(names.tolist(), values, strict=True))
            self._algorithm.restore(state, self._engine)

    def _compare(self, digests: list[str]) -> RunFolder:
        assert self.folder is not None
        self.folder.begin(self._request, self._listed, digests)
        return self.folder

    def _digests_of_shards(self) -> list[str]:
        shards = self._listed.shards
        if not self._digests:
            return [_digest_of_array(shard) for shard in shards]
        found = iter(
            [digest for (answer,) in self._engine.call("digests") for digest in answer.tolist()]
        )
        # No worker holds a shard without rows; arrays are in this process.
        return [
            _digest_of_array(shard) or (next(found) if shard.n_rows else sha256_of(shard.name))
            for shard in shards
        ]


def _require_same_everywhere(engine: Engine, request: Mapping[str, Any]) -> None:
    """ValueError if the ranks of a program were called with other arguments."""
    text = json.dumps(request)
    for rank, (other,) in enumerate(engine.everywhere(lambda: (np.array(text),))):
        found = json.loads(str(other))
        for name, value in json.loads(text).items():
            if found.get(name) != value:
                raise ValueError(
                    f"all ranks must select the same: {name} is {shown(found.get(name))} on rank "
                    f"{rank}, {shown(value)} here"
                )


def _digest_of_array(shard: Shard) -> str:
    """Of an array always, since it has no modification time; "" for a file."""
    if shard.array is None:
        return ""
    return hashlib.sha256(np.ascontiguousarray(shard.array).tobytes()).hexdigest()
