"""Top-k activations: the device finds every element's best rows, the host deals them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.selection.on_device.columns import constant_columns

if TYPE_CHECKING:
    from thinset.selection.on_device.pick import Picks, Progress
    from thinset.selection.on_device.rows import Rows
    from thinset.selection.topk import TopKOptions

# Of one score while the best of its column are found: two float64 copies, an int64 count, masks.
BYTES_PER_SCORE = 32


def top_k(
    rows: Rows, k: int, options: TopKOptions, initial: list[int], progress: Progress
) -> Picks:
    """Eq. 4: the rows that activate each element most; gains are activations."""
    columns = torch.arange(rows.n_columns, device=rows.device)
    if options.drop_constant:
        columns = columns[~constant_columns(rows)]
        if not len(columns):
            raise ValueError(
                "drop_constant leaves no embedding element: "
                f"all {rows.n_columns} columns are constant"
            )
    dealer = _Dealer(rows, columns, options.mode, initial)
    if options.refill:
        dealer.deal_until(k)
    else:
        dealer.deal_union(k - len(initial))
    progress.advance(k)
    return dealer.picks()


class _Dealer:
    """Deals the boards (every element's best rows) out in rounds.

    A row that is already taken is passed over: with refill the element takes its next best instead,
    without it the turn is lost.
    """

    def __init__(self, rows: Rows, columns: torch.Tensor, mode: str, initial: list[int]) -> None:
        self._rows = rows
        self._columns = columns
        self._mode = mode
        self._n_initial = len(initial)
        self._order = list(initial)
        self._taken = set(initial)
        self._boards_of: list[int] = []
        self._turn = 0

    def deal_until(self, k: int) -> None:
        n_boards = len(self._columns)
        depth = 0
        while len(self._order) < k:
            # Enough for the rounds left if few rows are shared; doubled where that falls short.
            missing = k - len(self._order)
            depth = min(missing, max(2 * depth, 2 * (missing // n_boards + 1) + 16))
            self._deal_in_rounds(self._best_rows(depth), k)

    def deal_union(self, n_turns: int) -> None:
        n_boards = len(self._columns)
        if n_turns == 0:
            return
        boards = self._best_rows(-(-n_turns // n_boards))
        for turn in range(n_turns):
            row = boards[turn % n_boards][turn // n_boards]
            if row not in self._taken:
                self._take(row, turn % n_boards)

    def picks(self) -> Picks:
        """Positions and gains, on the device."""
        device = self._rows.device
        order = torch.tensor(self._order, dtype=torch.int64, device=device)
        boards = torch.tensor(self._boards_of, dtype=torch.int64, device=device)
        gains = torch.zeros(len(order), dtype=torch.float64, device=device)
        dealt = order[self._n_initial :]
        gains[self._n_initial :] = self._rows.elements(dealt, self._columns[boards])
        return order, gains

    def _take(self, row: int, board: int) -> None:
        self._taken.add(row)
        self._order.append(row)
        self._boards_of.append(board)

    def _deal_in_rounds(self, boards: list[list[int]], k: int) -> None:
        """Go on with the element whose turn it is; stop at k picks or where a board runs out."""
        places = [iter(board) for board in boards]
        while len(self._order) < k:
            row = next((row for row in places[self._turn] if row not in self._taken), None)
            if row is None:
                return
            self._take(row, self._turn)
            self._turn = (self._turn + 1) % len(boards)

    def _best_rows(self, depth: int) -> list[list[int]]:
        """Of every element the best `depth` rows that are not taken, best first."""
        taken = torch.tensor(sorted(self._taken), dtype=torch.int64, device=self._rows.device)
        boards: list[list[int]] = []
        for columns in torch.split(self._columns, self._rows.columns_per_block(BYTES_PER_SCORE)):
            scores = self._rows.column_chunk(columns)
            if self._mode != "max":
                scores = scores.neg() if self._mode == "min" else scores.abs()
            scores = scores.index_fill(1, taken, -torch.inf)
            boards.extend(_largest(scores, depth).tolist())
        return boards


def _largest(scores: torch.Tensor, depth: int) -> torch.Tensor:
    """Positions of the `depth` largest of every row of scores, best first; ties: lower position.

    torch.topk finds the smallest score that belongs to them, but not which of several such.
    """
    last = scores.topk(depth, dim=1).values[:, -1:]
    above = scores > last
    level = scores == last
    room = depth - above.sum(1, keepdim=True)
    chosen = above | (level & (level.cumsum(1) <= room))
    positions = chosen.nonzero()[:, 1].reshape(len(scores), depth)
    # A radix sort may tell the two zeros apart; adding 0 makes them one.
    ordered = scores.gather(1, positions).add_(0.0).sort(dim=1, descending=True, stable=True)
    return positions.gather(1, ordered.indices)
