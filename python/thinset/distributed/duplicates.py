"""Near-duplicates over shards: every pair of parts is grouped by one worker, then the groups join.

A group is a set of rows that chains of near-duplicates connect. Two rows of a chain are in one part
or in two, so that some pair of parts has both.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.distributed.algorithm import Algorithm, Request
from thinset.distributed.engines import engine_of, threads_of
from thinset.distributed.held_rows import HeldRows, naming_rows
from thinset.distributed.run import Run, shards_seen_by_all
from thinset.selection.arguments import as_metric
from thinset.selection.matrix_input import HostMatrix
from thinset.selection.near_duplicates import NearDuplicates, as_distance, as_kept_scores
from thinset.selection.reporting import progress_callback
from thinset.threads import as_threads

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from thinset.distributed.engine import Engine
    from thinset.distributed.messages import Arrays
    from thinset.distributed.shards import Part
    from thinset.selection.reporting import Progress


def deduplicate(
    shards: object,
    distance: float,
    *,
    engine: str | Engine = "local",
    n_workers: int | None = None,
    keep: object = None,
    metric: str = "euclidean",
    n_threads: int | None = None,
    column: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
    digests: bool = True,
    progress: Progress = None,
) -> NearDuplicates:
    """Group rows whose distance is at most `distance`, as `thinset.deduplicate` does, over shards.

    The groups are those of one machine. Pairs across shards are found: each worker opens one other
    part at a time, so that it needs memory for two. shards, engine, n_workers, column, folder,
    checkpoint_seconds, digests: as for `thinset.distributed.select`; the other arguments as for
    `thinset.deduplicate`. Errors as in both.
    """
    limit = as_distance(distance, "distance")
    with contextlib.ExitStack() as stack:
        running, is_ours = engine_of(engine, n_workers)
        if is_ours:
            stack.enter_context(running)
        stack.callback(running.release)
        listed = shards_seen_by_all(running, shards, column)
        scores = as_kept_scores(keep, listed.shape[0])
        threads = as_threads(n_threads) or threads_of(running)
        request = Request("deduplicate", 0, as_metric(metric), 0, {"distance": limit}, threads)
        parts = listed.parts(running.n_workers)
        algorithm = JoinedGroups(request, parts)
        described = {
            "method": "deduplicate",
            "distance": limit,
            "metric": request.metric,
            "n_parts": len(parts),
        }
        run = Run(
            running,
            listed,
            algorithm,
            described,
            folder=folder,
            every=checkpoint_seconds,
            digests=digests,
        )
        with progress_callback(progress, "deduplicate") as report:
            run.go(report)
        return NearDuplicates(algorithm.groups(), limit, request.metric, scores)


class PairedRows:
    """The rows of one part, and of one other part at a time."""

    def __init__(
        self, rows: HeldRows, parts: Sequence[Part], distance: float, metric: str, n_threads: int
    ) -> None:
        self._rows = rows
        self._parts = parts
        self._distance = distance
        self._request = {"metric": metric, "n_threads": n_threads}

    def links(self, partner: NDArray[np.int64]) -> Arrays:
        """Links (2, n): rows that are not the lowest of their group, with that lowest row.

        Groups of this part and its partner. No partner: -1; the part alone: its own number.
        """
        number = int(partner)
        own = self._rows.part
        if number < 0:
            return (np.zeros((2, 0), np.int64),)
        if number == own.number:
            numbers = np.arange(own.first_row, own.rows.stop)
            groups = self._group(self._rows.matrix, numbers)
        else:
            other = HeldRows(self._parts[number])
            low, high = sorted((self._rows, other), key=lambda held: held.part.number)
            numbers = np.concatenate([np.array(held.part.rows) for held in (low, high)])
            groups = self._group(
                HostMatrix(
                    [*low.matrix.arrays, *high.matrix.arrays], self._rows.matrix.is_bfloat16
                ),
                numbers,
            )
        linked = np.flatnonzero(groups != np.arange(len(groups)))
        return (np.stack([numbers[linked], numbers[groups[linked]]]),)

    def _group(self, matrix: HostMatrix, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        with naming_rows(numbers, self._parts):
            return matrix.group_near_duplicates(self._distance, **self._request)


class JoinedGroups(Algorithm):
    """A tournament: in each round, every part meets another one, until all have met."""

    work = PairedRows

    def __init__(self, request: Request, parts: Sequence[Part]) -> None:
        super().__init__(request, parts)
        self._meetings = meetings(len(parts))
        self._n_done = 0
        self._links = np.zeros((2, 0), np.int64)

    def settings(self) -> dict[str, Any]:
        return {
            "parts": self.parts,
            "distance": self.request.options["distance"],
            "metric": self.request.metric,
            "n_threads": self.request.n_threads,
        }

    def step(self, engine: Engine) -> bool:
        if self._n_done < len(self._meetings):
            partners = self._meetings[self._n_done]
            answers = engine.call_each(
                "links", [(np.array(partner, np.int64),) for partner in partners]
            )
            self._links = _without_repeats(
                np.concatenate([self._links, *(links for (links,) in answers)], axis=1)
            )
            self._n_done += 1
        return self._n_done == len(self._meetings)

    def state(self) -> dict[str, NDArray[Any]]:
        return {"n_done": np.array(self._n_done), "links": self._links}

    def restore(self, state: Mapping[str, NDArray[Any]], engine: Engine) -> None:  # noqa: ARG002
        self._n_done = int(state["n_done"])
        self._links = state["links"]

    def progress(self) -> tuple[int, int]:
        return self._n_done, len(self._meetings)

    def groups(self) -> NDArray[np.int64]:
        """The lowest row of each row's group."""
        return joined(self._links, self.n_total)


def meetings(n_parts: int) -> list[list[int]]:
    """Rounds in which each part meets another; in each, the partner of every part that works.

    The lower one of a pair works in even rounds, the higher one in odd rounds; -1: no work. A
    single part meets itself.
    """
    if n_parts == 1:
        return [[0]]
    places = n_parts + n_parts % 2
    rounds = []
    for turn in range(places - 1):
        partners = [-1] * n_parts
        circle = [0, *(1 + (turn + place) % (places - 1) for place in range(places - 1))]
        for place in range(places // 2):
            low, high = sorted((circle[place], circle[-1 - place]))
            if high < n_parts:
                works, other = (low, high) if (turn + low) % 2 == 0 else (high, low)
                partners[works] = other
        rounds.append(partners)
    return rounds


def _without_repeats(links: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same pairs once: several pairs of parts find those inside one part."""
    return np.unique(links, axis=1)


def joined(links: NDArray[np.int64], n_rows: int) -> NDArray[np.int64]:
    """The lowest row that each of `n_rows` rows is connected with by `links` (2, n)."""
    groups = np.arange(n_rows)
    first, second = links
    while len(first):
        # Hang the higher root below the lower one, then shorten all paths, until nothing changes.
        roots = groups[first], groups[second]
        low, high = np.minimum(*roots), np.maximum(*roots)
        apart = low != high
        first, second, low, high = first[apart], second[apart], low[apart], high[apart]
        np.minimum.at(groups, high, low)
        while True:
            shorter = groups[groups]
            if np.array_equal(shorter, groups):
                break
            groups = shorter
    return groups
