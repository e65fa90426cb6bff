"""Two-round `facility_location`: randomised distributed greedy (GreeDi).

Rows are divided among the workers at random. Each chooses k of its rows, for its rows; one worker
then chooses k of all of these. The better of this choice and the workers' own, measured over all
rows, is at least (1 - 1/e) / 2 of the best coverage in expectation (Barbosa et al. 2015, "The Power
of Randomization: Distributed Submodular Maximization on Massive Datasets").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.distributed.algorithm import Algorithm
from thinset.distributed.held_rows import HeldRows, naming_rows, widened
from thinset.distributed.two_rounds.max_sum import directed
from thinset.selection.arguments import shown
from thinset.selection.matrix_input import HostMatrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from thinset.distributed.algorithm import Request
    from thinset.distributed.engine import Engine
    from thinset.distributed.messages import Arrays
    from thinset.distributed.shards import Part

_NUMBERS_AT_ONCE = 1 << 22


def owners(rows: range, n_parts: int, seed: int) -> NDArray[np.int64]:
    """The worker of each row: random, but the same wherever it is computed (SplitMix64)."""
    z = np.arange(rows.start, rows.stop, dtype=np.uint64)
    z += np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z % np.uint64(n_parts)).astype(np.int64)


class DrawnRows:
    """A random share of all rows, read from all shards into memory."""

    def __init__(
        self,
        rows: HeldRows,
        *,
        parts: Sequence[Part],
        seed: int,
        k: int,
        metric: str,
        n_threads: int,
    ) -> None:
        numbers, arrays = [], []
        for part in parts:
            held = rows if part.number == rows.part.number else HeldRows(part)
            mine = np.flatnonzero(owners(part.rows, len(parts), seed) == rows.part.number)
            numbers.append(mine + part.first_row)
            arrays.append(held.points(mine)[0])
        self._numbers = np.concatenate(numbers)
        self._matrix = HostMatrix(np.concatenate(arrays), rows.matrix.is_bfloat16)
        self._dtype = rows.part.dtype
        self._parts = parts
        self._k = k
        self._metric = metric
        self._request: dict[str, Any] = {"metric": metric, "n_threads": n_threads}

    def own_choice(self) -> Arrays:
        """The rows chosen from this share: their numbers, in order, and values."""
        n_rows = len(self._numbers)
        if n_rows == 0:
            return np.zeros(0, np.int64), self._matrix.arrays[0]
        with naming_rows(self._numbers, self._parts):
            chosen = self._matrix.choose(
                min(self._k, n_rows), method="facility_location", **self._request
            ).indices
        return self._numbers[chosen], self._matrix.arrays[0][chosen]

    def merged_choice(self, points: NDArray[Any]) -> Arrays:
        """Which of `points` (n, D) to choose for the rows of this share."""
        n_points = len(points)
        if n_points == 0:
            return (np.zeros(0, np.int64),)
        stacked = HostMatrix([points, *self._matrix.arrays], self._matrix.is_bfloat16)
        chosen = stacked.choose(
            self._k,
            method="facility_location",
            among=np.arange(n_points),
            **self._request,
        )
        return (chosen.indices,)

    def costs(self, points: NDArray[Any], sizes: NDArray[np.int64]) -> Arrays:
        """The summed distances of all rows here to the first 1, 2, ... rows of each choice.

        sizes: how many of `points` are the first choice, the second, ...
        """
        starts = np.cumsum([0, *sizes[:-1]])
        choices = [points[begin : begin + size] for begin, size in zip(starts, sizes, strict=True)]
        return (np.concatenate([self._costs(choice) for choice in choices]),)

    def _costs(self, choice: NDArray[Any]) -> NDArray[np.float64]:
        metric = self._metric
        centres = directed(widened(choice, self._dtype), metric)
        of_centres = np.square(centres).sum(axis=1)
        sums = np.zeros(len(choice))
        rows = self._matrix.arrays[0]
        at_once = max(1, _NUMBERS_AT_ONCE // max(1, len(choice)))
        for begin in range(0, len(rows), at_once):
            block = directed(widened(rows[begin : begin + at_once], self._dtype), metric)
            squares = np.square(block).sum(axis=1)[:, None] + of_centres - 2 * block @ centres.T
            nearest = np.minimum.accumulate(np.maximum(squares, 0), axis=1)
            if metric == "euclidean":
                nearest = np.sqrt(nearest)
            sums += (nearest / 2 if metric == "cosine" else nearest).sum(axis=0)
        return sums


class TwoRoundFacilityLocation(Algorithm):
    """Three steps: the choices of the shares, the merged choice, and the costs of all of them."""

    work = DrawnRows

    def __init__(self, request: Request, parts: Sequence[Part]) -> None:
        super().__init__(request, parts)
        if request.options["kernel"] != "distance":
            raise ValueError(
                "facility_location with rounds=2 takes the kernel distance, got "
                f"{shown(request.options['kernel'])}; metric='cosine' with it "
                "gives the rows of the kernel cosine"
            )
        if request.coreset_size is not None:
            raise ValueError("coreset_size applies to max_min and max_sum; facility_location has k")

    def settings(self) -> dict[str, Any]:
        return {
            "parts": self.parts,
            "seed": self.request.seed,
            "k": self.request.n_samples,
            "metric": self.request.metric,
            "n_threads": self.request.n_threads,
        }

    def params(self) -> dict[str, Any]:
        return {"rounds": 2, "n_parts": len(self.parts)}

    def step(self, engine: Engine) -> bool:
        k = self.request.n_samples
        own = engine.call("own_choice")
        numbers = np.concatenate([rows for rows, _ in own])
        points = np.concatenate([values for _, values in own])
        order = np.argsort(numbers)  # ties go to the lower row
        numbers, points = numbers[order], points[order]
        # Of the first share, which is as random as the others.
        nothing = (points[:0],)
        merged = engine.call_each("merged_choice", [(points,), *[nothing] * (len(self.parts) - 1)])[
            0
        ][0]
        choices = [(numbers[merged], points[merged])]
        choices += [(rows, values) for rows, values in own if len(rows) == k]
        sizes = np.array([len(rows) for rows, _ in choices])
        answers = engine.call("costs", np.concatenate([values for _, values in choices]), sizes)
        costs = np.sum([part for (part,) in answers], axis=0).reshape(len(choices), k)
        best = int(np.argmin(costs[:, -1]))
        self.rows = choices[best][0].tolist()
        self.gains = (-np.diff(costs[best], prepend=0.0)).tolist()
        self._cost = float(costs[best][-1])
        return True

    def figures(self) -> tuple[dict[str, float], dict[str, float]]:
        return {"sum_of_nearest_distances": self._cost}, {}
