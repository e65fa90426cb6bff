"""Lloyd's k-means on the device: one representative row per cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.selection.on_device.arithmetic import first_of_the_largest, squared_distances
from thinset.selection.on_device.seeding import draw_centres, seed_centres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset._core import Random
    from thinset.selection.kmeans import KMeansOptions
    from thinset.selection.on_device.pick import Picks, Progress
    from thinset.selection.on_device.rows import Rows

_CENTRES_PER_BLOCK = 256
_TIE_TOLERANCE = 1e-12


def kmeans(rows: Rows, k: int, options: KMeansOptions, random: Random, progress: Progress) -> Picks:
    """Of every cluster the row nearest to its centre; gains are cluster sizes."""
    seed = seed_centres if options.seeding == "kmeans++" else draw_centres
    clusters = _Clusters(rows, seed(rows, k, random, progress))
    moving = clusters.assign()
    progress.advance(1)
    for _ in range(options.n_iterations):
        if not moving:
            break
        clusters.update()
        moving = clusters.assign()
        progress.advance(1)
    return clusters.representatives()


def _runs(step_lengths: list[int], block: int) -> Iterator[tuple[int, int, int]]:
    """Cut members at the ends of steps and of blocks: (begin, end, place of the first cluster)."""
    begin = 0
    for length in step_lengths:
        step_begin, step_end = begin, begin + length
        while begin < step_end:
            end = min(step_end, (begin // block + 1) * block)
            yield begin, end, begin - step_begin
            begin = end


class _Clusters:
    """Centres (k, D), and of every row its cluster and its squared distance to the centre."""

    def __init__(self, rows: Rows, centres: torch.Tensor) -> None:
        self._rows = rows
        self._centres = centres
        self._k = len(centres)
        self._cluster = torch.full((len(rows),), self._k, device=rows.device)
        self._squared = rows.new_full(torch.inf)

    def assign(self) -> bool:
        """Move rows to their nearest centre (ties: lower), then fill empty clusters.

        Returns whether any row changed its cluster.
        """
        before = self._cluster
        self._cluster = torch.empty_like(before)
        n_centres = min(self._k, _CENTRES_PER_BLOCK, self._rows.pairs_per_block)
        step = max(1, self._rows.pairs_per_block // n_centres)
        for begin in range(0, len(self._rows), step):
            block = self._rows.read(begin, min(begin + step, len(self._rows)))
            nearest, best = self._nearest_centres(block, n_centres)
            self._cluster[begin : begin + step] = nearest
            self._squared[begin : begin + step] = best
        changed = not torch.equal(self._cluster, before)
        return self._fill_empty_clusters() or changed

    def update(self) -> None:
        """Move every centre to the mean of its rows, added in rising order.

        Many means grow side by side: step r adds the r-th member of every cluster that has one.
        With the clusters ordered by size those are the first few, so a step is one addition.
        """
        sizes = torch.bincount(self._cluster, minlength=self._k)
        by_size = sizes.argsort(descending=True, stable=True)
        members, step_lengths = self._members_by_step(sizes, by_size)
        sums = torch.zeros_like(self._centres)
        block = self._rows.pairs_per_block
        widened = sums[:0]
        for begin, end, place in _runs(step_lengths, block):
            at = begin % block
            if at == 0:
                widened = self._rows.take(members[begin : begin + block])
            sums[place : place + end - begin].add_(widened[at : at + end - begin])
        self._centres[by_size] = sums / sizes[by_size].to(torch.float64)[:, None]

    def representatives(self) -> Picks:
        """The largest cluster first; distances within rounding are ties: lower row."""
        n, device = len(self._rows), self._rows.device
        smallest = self._squared.new_full((self._k,), torch.inf)
        smallest.scatter_reduce_(0, self._cluster, self._squared, "amin")
        reach = smallest * (1.0 + _TIE_TOLERANCE)
        is_near = self._squared <= reach[self._cluster]
        rows = torch.where(is_near, torch.arange(n, device=device), n)
        nearest = torch.full((self._k,), n, device=device)
        nearest.scatter_reduce_(0, self._cluster, rows, "amin")
        sizes = torch.bincount(self._cluster, minlength=self._k)
        # Largest first, then lower row: two stable sorts, the lesser key first.
        by_row = nearest.argsort()
        order = by_row[sizes[by_row].argsort(descending=True, stable=True)]
        return nearest[order], sizes[order].to(torch.float64)

    def _nearest_centres(
        self, block: torch.Tensor, n_centres: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The nearest centre of every row, and the squared distance to it."""
        nearest = torch.zeros(len(block), dtype=torch.int64, device=block.device)
        best = self._squared.new_full((len(block),), torch.inf)
        for first in range(0, self._k, n_centres):
            centres = self._centres[first : first + n_centres]
            squared = squared_distances(block[:, None, :], centres[None, :, :])
            # A centre whose sum overflowed may be no number: nothing is near it.
            squared = squared.masked_fill(squared.isnan(), torch.inf)
            smallest = squared.amin(1)
            numbers = torch.arange(first, first + len(centres), device=block.device)
            is_smallest = squared == smallest[:, None]
            lowest = torch.where(is_smallest, numbers, self._k).amin(1)
            nearest = torch.where(smallest < best, lowest, nearest)
            best = torch.where(smallest < best, smallest, best)
        return nearest, best

    def _fill_empty_clusters(self) -> bool:
        """An empty cluster takes the row furthest from its own centre, of those not alone."""
        sizes = torch.bincount(self._cluster, minlength=self._k)
        empty = (sizes == 0).nonzero()[:, 0].tolist()
        for c in empty:
            furthest = first_of_the_largest(self._squared, (sizes > 1)[self._cluster])
            sizes[self._cluster[furthest]] -= 1
            sizes[c] = 1
            self._cluster[furthest] = c
            self._squared[furthest] = 0.0
        return bool(empty)

    def _members_by_step(
        self, sizes: torch.Tensor, by_size: torch.Tensor
    ) -> tuple[torch.Tensor, list[int]]:
        """The rows by their rank in their cluster, then by size of cluster; how many per rank."""
        grouped = self._cluster.argsort(stable=True)
        starts = sizes.cumsum(0) - sizes
        rank = torch.empty_like(grouped)
        rank[grouped] = (
            torch.arange(len(grouped), device=grouped.device) - starts[self._cluster[grouped]]
        )
        place = torch.empty_like(by_size)
        place[by_size] = torch.arange(self._k, device=by_size.device)
        members = (rank * self._k + place[self._cluster]).argsort()
        return members, torch.bincount(rank).tolist()
