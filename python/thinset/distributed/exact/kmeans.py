"""`kmeans`: one coordinator of the core sends messages, and every part answers about its rows.

Whatever is added up over rows is added without rounding, so that clusters do not depend on the
parts. The same messages bring a new worker to the state of a lost one, and the same answers bring a
new coordinator to where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset import _core
from thinset.distributed.algorithm import Algorithm
from thinset.distributed.engine import Call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from thinset.distributed.algorithm import Request
    from thinset.distributed.engine import Engine
    from thinset.distributed.held_rows import HeldRows
    from thinset.distributed.messages import Arrays
    from thinset.distributed.shards import Part

_MOST_BYTES_KEPT = 1 << 30
"""Of answers in a checkpoint; after that, it stays at an earlier round."""


class ClusteredRows:
    """The rows of one part, and the cluster of each."""

    def __init__(self, rows: HeldRows, n_threads: int) -> None:
        self._part = _core.KMeansPart(
            rows.matrix.values,
            first_row=rows.part.first_row,
            n_threads=n_threads,
            bfloat16=rows.matrix.is_bfloat16,
        )

    def answer(
        self, step: NDArray[np.str_], integers: NDArray[np.int64], values: NDArray[np.float64]
    ) -> Arrays:
        return self._part.answer((str(step), integers, values))


class KMeans(Algorithm):
    """A round for each message of the coordinator."""

    work = ClusteredRows

    def __init__(self, request: Request, parts: Sequence[Part]) -> None:
        super().__init__(request, parts)
        self._coordinator = _core.KMeansCoordinator(
            self.n_total, request.n_samples, seed=request.seed, **request.options
        )
        self._sent: list[Arrays] = []
        self._answers: list[NDArray[Any]] = []
        self._n_bytes = 0

    def settings(self) -> dict[str, Any]:
        return {"n_threads": self.request.n_threads}

    def replay(self, part: int) -> list[Call]:  # noqa: ARG002 - all parts get the same messages
        return [Call("answer", message) for message in self._sent]

    def step(self, engine: Engine) -> bool:
        coordinator = self._coordinator
        if not coordinator.is_done:
            message = self._message()
            self._take(engine.call("answer", *message), message)
        if coordinator.is_done:
            self.rows, self.gains = coordinator.indices.tolist(), coordinator.gains.tolist()
        return coordinator.is_done

    def identity(self) -> dict[str, Any]:
        # The coordinator remembers which part answered what.
        return {"n_parts": len(self.parts)}

    def progress(self) -> tuple[int, int]:
        total = self.request.n_samples + self.request.options["n_iterations"] + 1
        return total if self._coordinator.is_done else self._coordinator.n_done, total

    def state(self) -> dict[str, NDArray[Any]]:
        """The answers so far, one after the other, with their lengths."""
        integers, values = self._answers[::2], self._answers[1::2]
        return {
            "n_integers": np.array([len(array) for array in integers], np.int64),
            "n_values": np.array([len(array) for array in values], np.int64),
            "integers": np.concatenate([np.zeros(0, np.int64), *integers]),
            "values": np.concatenate([np.zeros(0), *values]),
        }

    def restore(self, state: Mapping[str, NDArray[Any]], engine: Engine) -> None:
        integers = np.split(state["integers"], np.cumsum(state["n_integers"])[:-1])
        values = np.split(state["values"], np.cumsum(state["n_values"])[:-1])
        answers = iter(zip(integers, values, strict=True))
        for _ in range(len(integers) // len(self.parts)):
            message = self._message()
            engine.call("answer", *message)
            self._take([next(answers) for _ in self.parts], message)

    def _message(self) -> Arrays:
        step, integers, values = self._coordinator.message
        return np.array(step), integers, values

    def _take(self, answers: Sequence[Arrays], message: Arrays) -> None:
        self._coordinator.take([(integers, values) for integers, values in answers])
        self._sent.append(message)
        self._n_bytes += sum(array.nbytes for answer in answers for array in answer)
        if self._n_bytes <= _MOST_BYTES_KEPT:
            self._answers += [array for answer in answers for array in answer]
