"""Facility location on the device: lazily greedy, with the gains of some rows at a time."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import torch

from thinset.selection.on_device.arithmetic import square_roots
from thinset.selection.on_device.distance import DistanceMeter

if TYPE_CHECKING:
    from thinset.selection.on_device.pick import Picks, Progress
    from thinset.selection.on_device.rows import Rows

_ROWS_PER_SUM = 1024
_MAX_CANDIDATES = 128

# Of a row and a candidate while gains are added up: distances, terms and their copies.
BYTES_PER_TERM = 64


def facility_location(
    rows: Rows, k: int, initial: list[int], metric: str, progress: Progress
) -> Picks:
    """Greedily the smallest summed distance of every row to its nearest pick."""
    coverage = _Coverage(rows, metric)
    candidates = _Candidates(len(rows))
    picks: list[int] = []
    gains: list[float] = []
    while len(picks) < k:
        if len(picks) < len(initial):
            pick = initial[len(picks)]
            gain = coverage.gains([pick])[0]
        else:
            pick, gain = candidates.best(coverage, set(picks))
        picks.append(pick)
        gains.append(gain)
        coverage.add(pick)
        candidates.grow_stale(first=len(picks) == 1)
        progress.advance(1)
    device = rows.device
    return (
        torch.tensor(picks, dtype=torch.int64, device=device),
        torch.tensor(gains, dtype=torch.float64, device=device),
    )


class _Coverage:
    """Every row's distance to its nearest pick."""

    def __init__(self, rows: Rows, metric: str) -> None:
        self._rows = rows
        self._is_euclidean = metric == "euclidean"
        self._meter = DistanceMeter(rows, metric)
        self._nearest: torch.Tensor | None = None
        self.n_at_once = min(_MAX_CANDIDATES, rows.columns_per_block(BYTES_PER_TERM))

    def gains(self, candidates: list[int]) -> list[float]:
        """By how much each would lower the summed distance; before the first, minus that sum."""
        distances = self._distances_to(candidates)
        if self._nearest is None:
            return (0.0 - _sums_in_order(distances)).tolist()
        return _sums_in_order((self._nearest - distances).clamp_(min=0.0)).tolist()

    def add(self, pick: int) -> None:
        distances = self._distances_to([pick])[0]
        if self._nearest is not None:
            distances = torch.minimum(distances, self._nearest)
        self._nearest = distances

    def _distances_to(self, candidates: list[int]) -> torch.Tensor:
        positions = torch.tensor(candidates, dtype=torch.int64, device=self._rows.device)
        ranks = self._meter.ranks_to_rows(positions)
        return square_roots(ranks) if self._is_euclidean else ranks


class _Candidates:
    """Rows by gains that may be stale. Gains only shrink, so a stale one is an upper bound."""

    def __init__(self, n_rows: int) -> None:
        self._heap = [(-torch.inf, row) for row in range(n_rows)]
        self._n_seen = [-1] * n_rows
        self._n_picks = 0

    def grow_stale(self, *, first: bool) -> None:
        """A pick was made. The first one changes what gains mean."""
        self._n_picks += 1
        if first:
            self._heap = [(-torch.inf, row) for row in range(len(self._n_seen))]

    def best(self, coverage: _Coverage, picked: set[int]) -> tuple[int, float]:
        """The row with the largest gain (ties: lower) and its gain; it leaves the candidates."""
        while True:
            stale: list[int] = []
            while self._heap and len(stale) < coverage.n_at_once:
                negative_gain, row = self._heap[0]
                is_fresh = self._n_seen[row] == self._n_picks
                if is_fresh and stale:
                    break
                heapq.heappop(self._heap)
                if is_fresh and row not in picked:
                    return row, -negative_gain
                if row not in picked:
                    stale.append(row)
            for row, gain in zip(stale, coverage.gains(stale), strict=True):
                self._n_seen[row] = self._n_picks
                heapq.heappush(self._heap, (-gain, row))


def _sums_in_order(terms: torch.Tensor) -> torch.Tensor:
    """Float64 (c, n) -> (c,): rows are added in sums of 1,024, and these are added in order."""
    n_sums = -(-terms.shape[1] // _ROWS_PER_SUM)
    sums = terms.new_zeros((n_sums, len(terms)))
    by_row = terms.t()
    for r in range(min(_ROWS_PER_SUM, len(by_row))):
        part = by_row[r::_ROWS_PER_SUM]
        sums[: len(part)].add_(part)
    total = terms.new_zeros(len(terms))
    for block_sum in sums:
        total.add_(block_sum)
    return total
