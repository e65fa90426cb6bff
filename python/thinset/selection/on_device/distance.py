"""Distances of all rows to one of them, or to a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import torch

from thinset.selection.on_device.arithmetic import dot_products, square_roots, squared_distances
from thinset.selection.on_device.columns import SMALLEST_MEASURABLE, power_of_ten_over

if TYPE_CHECKING:
    from thinset.selection.on_device.rows import Rows


class DistanceMeter:
    """Measures rows against one query at a time, in ranks: float64 (n,).

    A rank is a monotone stand-in for the distance: its square for euclidean, else the distance
    itself. Raises ValueError for cosine where the norm of a row is zero or so small that its square
    vanishes, naming the first such row.
    """

    def __init__(self, rows: Rows, metric: str) -> None:
        self._rows = rows
        self._norms: torch.Tensor | None = None
        if metric == "cosine":
            origin = torch.zeros(rows.n_columns, dtype=torch.float64, device=rows.device)
            self._norms = square_roots(self._squared_distances_to(origin))
            too_small = (self._norms < SMALLEST_MEASURABLE).nonzero()
            if len(too_small):
                _refuse_norm(rows, int(too_small[0]))

    def ranks_to_row(self, position: torch.Tensor) -> torch.Tensor:
        """`position` is int64 (1,) on the device: the host need not know the row."""
        point = self._rows.take(position)[0]
        if self._norms is None:
            return self._squared_distances_to(point)
        return self._cosines_to(point, self._norms.index_select(0, position))

    def ranks_to_rows(self, positions: torch.Tensor) -> torch.Tensor:
        """Of every row to several of them: float64 (len(positions), n)."""
        points = self._rows.take(positions)[:, None]
        ranks = torch.stack([self._rows.new_full(0.0)] * len(positions))
        measure = squared_distances if self._norms is None else dot_products
        # The caller holds the ranks, which may take as much as these steps.
        step = max(1, self._rows.pairs_per_block // (2 * len(positions)))
        for begin in range(0, len(self._rows), step):
            block = self._rows.read(begin, min(begin + step, len(self._rows)))
            ranks[:, begin : begin + step] = measure(block[None], points)
        if self._norms is None:
            return ranks
        norms = self._norms.index_select(0, positions)[:, None]
        return 1.0 - ranks.div_(self._norms * norms)

    def ranks_to_point(self, point: torch.Tensor) -> torch.Tensor:
        """`point` is float64 (D,)."""
        if self._norms is None:
            return self._squared_distances_to(point)
        squared_norm = squared_distances(point, torch.zeros_like(point))
        return self._cosines_to(point, square_roots(squared_norm))

    def _squared_distances_to(self, point: torch.Tensor) -> torch.Tensor:
        ranks = self._rows.new_full(0.0)
        for begin, end in self._rows.blocks():
            ranks[begin:end] = squared_distances(self._rows.read(begin, end), point)
        return ranks

    def _cosines_to(self, point: torch.Tensor, norm: torch.Tensor) -> torch.Tensor:
        assert self._norms is not None
        ranks = self._rows.new_full(0.0)
        for begin, end in self._rows.blocks():
            ranks[begin:end] = dot_products(self._rows.read(begin, end), point)
        return 1.0 - ranks.div_(self._norms * norm)


def _refuse_norm(rows: Rows, position: int) -> NoReturn:
    row = rows.original(position)
    largest = float(rows.take(torch.tensor([position], device=rows.device)).abs().max())
    if largest == 0.0:
        raise ValueError(f"the cosine distance needs rows of non-zero norm: row {row} is all zeros")
    raise ValueError(
        f"the cosine distance needs rows of norm {SMALLEST_MEASURABLE:g} or more, or float64 "
        f"cannot hold its square: row {row} has no value beyond +-{largest:g}; multiply the row "
        f"by {power_of_ten_over(largest)}, which does not change its distances"
    )
