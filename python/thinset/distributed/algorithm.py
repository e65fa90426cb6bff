"""What a distributed selection is to the loop that runs it: rounds, a state, and a result."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.distributed.held_rows import widened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from thinset.distributed.engine import Call, Engine, Work
    from thinset.distributed.shards import Part


@dataclass(frozen=True)
class Request:
    """What is to be selected.

    options: those of the method, complete. n_threads: of each worker. coreset_size: of two rounds.
    """

    method: str
    n_samples: int
    metric: str
    seed: int
    options: Mapping[str, Any]
    n_threads: int
    coreset_size: int | None = None


class Algorithm(abc.ABC):
    """A selection in rounds.

    The decisions so far (`state`) and the shards determine everything else: a worker is made anew
    from them, and so is a run that was interrupted.
    """

    work: Work
    """What each worker runs: made with (HeldRows, **settings)."""

    def __init__(self, request: Request, parts: Sequence[Part]) -> None:
        self.request = request
        self.parts = parts
        self.rows: list[int] = []
        self.gains: list[float] = []

    @property
    def n_total(self) -> int:
        return sum(part.n_rows for part in self.parts)

    def settings(self) -> dict[str, Any]:
        """Of the workers."""
        return {}

    @abc.abstractmethod
    def step(self, engine: Engine) -> bool:
        """One round or a few; whether the selection is complete."""

    def replay(self, part: int) -> list[Call]:  # noqa: ARG002 - most workers have no state
        """The calls that bring a new worker to where the others are."""
        return []

    def state(self) -> dict[str, NDArray[Any]]:
        """The decisions so far, for a checkpoint."""
        return {"rows": np.array(self.rows, np.int64), "gains": np.array(self.gains, np.float64)}

    def restore(self, state: Mapping[str, NDArray[Any]], engine: Engine) -> None:  # noqa: ARG002
        """Take up `state`; the workers are opened afterwards, and replay it."""
        self.rows = state["rows"].tolist()
        self.gains = state["gains"].tolist()

    def progress(self) -> tuple[int, int]:
        """(done, total)."""
        return len(self.rows), self.request.n_samples

    def figures(self) -> tuple[dict[str, float], dict[str, float]]:
        """Known figures of `Selection.objective` and of `Selection.certificates`."""
        return {}, {}

    def params(self) -> dict[str, Any]:
        """Further entries of `Selection.params`."""
        return {}

    def identity(self) -> dict[str, Any]:
        """What else a checkpoint depends on, beside the request and the shards."""
        return self.params()

    def points_of(self, rows: NDArray[np.int64], engine: Engine) -> NDArray[Any]:
        """Rows (m, D), in the given order, read from the shards; bfloat16 as bits."""
        places, calls = [], []
        for part in self.parts:
            mine = np.flatnonzero((rows >= part.first_row) & (rows < part.rows.stop))
            places.append(mine)
            calls.append((rows[mine] - part.first_row,))
        found = np.concatenate([points for (points,) in engine.call_each("points", calls)])
        ordered = np.empty_like(found)
        ordered[np.concatenate(places)] = found
        return ordered

    def widened(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Values of the shards' element type as float64."""
        return widened(points, self.parts[0].dtype)

    @property
    def constant_columns(self) -> tuple[int, ...]:
        """Of topk: elements with one value in every row."""
        return ()
