"""Greedy dispersion on the device: max_sum and max_min."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.selection.on_device.arithmetic import first_of_the_largest, square_roots
from thinset.selection.on_device.columns import column_means
from thinset.selection.on_device.distance import DistanceMeter

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.selection.on_device.pick import Picks, Progress
    from thinset.selection.on_device.rows import Rows

    Update = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def max_sum(rows: Rows, k: int, initial: list[int], metric: str, progress: Progress) -> Picks:
    """Greedily the largest sum of distances to the rows chosen before."""

    def update(sums: torch.Tensor, ranks: torch.Tensor) -> torch.Tensor:
        return sums.add_(square_roots(ranks) if metric == "euclidean" else ranks)

    return _pick_greedily(
        rows, k, initial, metric=metric, first_score=0.0, update=update, progress=progress
    )


def max_min(rows: Rows, k: int, initial: list[int], metric: str, progress: Progress) -> Picks:
    """Farthest point first; compares ranks and reports distances."""

    def update(nearest: torch.Tensor, ranks: torch.Tensor) -> torch.Tensor:
        # Unlike torch.minimum, a comparison passes over a rank that is not a number.
        return torch.where(ranks < nearest, ranks, nearest)

    picks, gains = _pick_greedily(
        rows, k, initial, metric=metric, first_score=torch.inf, update=update, progress=progress
    )
    return picks, square_roots(gains) if metric == "euclidean" else gains


def _pick_greedily(
    rows: Rows,
    k: int,
    initial: list[int],
    *,
    metric: str,
    first_score: float,
    update: Update,
    progress: Progress,
) -> Picks:
    """Every row has a score that each pick updates; the best score is picked next.

    The host never waits for a pick: which row it is stays on the device until all are known.
    """
    meter = DistanceMeter(rows, metric)
    scores = rows.new_full(first_score)
    free = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    picks = torch.zeros(k, dtype=torch.int64, device=rows.device)
    picks[: len(initial)] = torch.tensor(initial, dtype=torch.int64, device=rows.device)
    gains = scores.new_zeros(k)
    if not initial:
        picks[:1] = first_of_the_largest(meter.ranks_to_point(column_means(rows)), free)
    for t in range(k):
        pick = picks[t : t + 1]
        gains[t : t + 1] = scores.index_select(0, pick)
        free.index_fill_(0, pick, False)
        if t + 1 < k:
            scores = update(scores, meter.ranks_to_row(pick))
            if t + 1 >= len(initial):
                picks[t + 1 : t + 2] = first_of_the_largest(scores, free)
        progress.advance(1)
    return picks, gains
