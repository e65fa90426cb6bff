"""Rows of a tensor, read in blocks where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.selection.on_device.arithmetic import LANE_VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator


def bytes_per_row(n_columns: int) -> int:
    """What one row takes while a step works on it."""
    return 8 * (2 * n_columns + LANE_VALUES)


class Rows:
    """All rows of a tensor (N, D), or those that `members` names, in its order.

    Positions below count in this view; `original` gives the row of the tensor. block_bytes bounds
    what any one step of the work takes at a time beside its results.
    """

    def __init__(
        self, values: torch.Tensor, block_bytes: int, members: torch.Tensor | None = None
    ) -> None:
        self._values = values
        self._members = members
        self._block_bytes = block_bytes
        self.n_columns = values.shape[1]
        self.device = values.device

    def __len__(self) -> int:
        return len(self._values) if self._members is None else len(self._members)

    def restricted_to(self, members: torch.Tensor) -> Rows:
        """Those rows of the tensor that int64 `members` names."""
        return Rows(self._values, self._block_bytes, members)

    def original(self, position: int) -> int:
        return position if self._members is None else int(self._members[position])

    def read(self, begin: int, end: int, step: int = 1) -> torch.Tensor:
        """Rows begin, begin + step, ... before `end`, in the dtype of the tensor."""
        if self._members is None:
            return self._values[begin:end:step]
        return self._values.index_select(0, self._members[begin:end:step])

    def take(self, positions: torch.Tensor) -> torch.Tensor:
        """The rows at int64 `positions`, widened: float64 (len(positions), D)."""
        if self._members is not None:
            positions = self._members.index_select(0, positions)
        return self._values.index_select(0, positions).to(torch.float64)

    def column_chunk(self, columns: torch.Tensor) -> torch.Tensor:
        """Some columns of every row, widened and turned: float64 (len(columns), n)."""
        chunk = self._values.index_select(1, columns)
        if self._members is not None:
            chunk = chunk.index_select(0, self._members)
        return chunk.t().contiguous().to(torch.float64)

    def elements(self, positions: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        """The elements (positions[i], columns[i]), widened: float64."""
        if self._members is not None:
            positions = self._members.index_select(0, positions)
        return self._values[positions, columns].to(torch.float64)

    @property
    def pairs_per_block(self) -> int:
        """How many rows, or pairs of a row and a point, one step may work on."""
        # The row as it is read, where that takes a copy, and its terms while they are added.
        return max(1, self._block_bytes // bytes_per_row(self.n_columns))

    def columns_per_block(self, bytes_per_element: int) -> int:
        """How many whole columns one step may work on; at least 1, whatever the block."""
        return max(1, self._block_bytes // (bytes_per_element * max(1, len(self))))

    def blocks(self) -> Iterator[tuple[int, int]]:
        """(begin, end) of blocks that cover all rows in rising order."""
        step = self.pairs_per_block
        for begin in range(0, len(self), step):
            yield begin, min(begin + step, len(self))

    def new_full(self, value: float) -> torch.Tensor:
        """One float64 per row on the device."""
        return torch.full((len(self),), value, dtype=torch.float64, device=self.device)
