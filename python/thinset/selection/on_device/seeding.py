"""k-means++ seeding (Arthur and Vassilvitskii 2007) in the core's order of additions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from thinset.selection.on_device.distance import DistanceMeter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset._core import Random
    from thinset.selection.on_device.pick import Progress
    from thinset.selection.on_device.rows import Rows

_ROWS_PER_SUM = 256


def draw_centres(rows: Rows, k: int, random: Random, progress: Progress) -> torch.Tensor:
    """k different rows as centres: float64 (k, D), on the device."""
    # The core's draw without replacement: swap each place with one at or after it.
    pool = np.arange(len(rows))
    for place in range(k):
        swap = place + random.below(len(rows) - place)
        pool[[place, swap]] = pool[[swap, place]]
    progress.advance(k)
    return rows.take(torch.from_numpy(pool[:k]).to(rows.device))


def seed_centres(rows: Rows, k: int, random: Random, progress: Progress) -> torch.Tensor:
    """k rows as centres: float64 (k, D), on the device.

    Each is drawn with probability proportional to its squared distance to those before it. The n
    squared distances come to the host for every draw: a draw adds them one after the other, which
    on a device would be one small step for each.
    """
    meter = DistanceMeter(rows, "sqeuclidean")
    nearest = rows.new_full(torch.inf)
    taken = np.zeros(len(rows), np.bool_)
    seeds = [random.below(len(rows))]
    progress.advance(1)
    while len(seeds) < k:
        taken[seeds[-1]] = True
        ranks = meter.ranks_to_row(torch.tensor(seeds[-1:], device=rows.device))
        nearest = torch.where(ranks < nearest, ranks, nearest)
        seeds.append(_draw(nearest.cpu().numpy(), taken, random))
        progress.advance(1)
    return rows.take(torch.tensor(seeds, device=rows.device))


@np.errstate(over="ignore")  # squares of huge values add up to infinity, as in the core
def _draw(squared: NDArray[np.float64], taken: NDArray[np.bool_], random: Random) -> int:
    sums = _sums_in_order(squared)
    total = float(np.add.accumulate(sums)[-1])
    if not total > 0.0:
        # Every row lies on a seed: the first that is not one itself.
        return int(np.argmin(taken))
    return _row_at(random.uniform() * total, squared, sums.tolist())


def _sums_in_order(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of 256 rows each, added in rising order."""
    n_sums = -(-len(squared) // _ROWS_PER_SUM)
    # Zeros at the end change no sum.
    padded = np.zeros((n_sums, _ROWS_PER_SUM))
    padded.reshape(-1)[: len(squared)] = squared
    # np.sum adds in pairs; accumulate adds one after the other.
    return np.add.accumulate(padded, axis=1)[:, -1]


def _row_at(target: float, squared: NDArray[np.float64], sums: list[float]) -> int:
    """The row at which the running sum of squared distances passes `target`."""
    block = 0
    while block + 1 < len(sums) and target >= sums[block]:
        target -= sums[block]
        block += 1
    start = block * _ROWS_PER_SUM
    possible = start + np.flatnonzero(squared[start:] > 0.0)
    for row in possible:
        step = float(squared[row])
        if target < step:
            return int(row)
        target -= step
    # Rounding can carry the target past the end: the last row with any probability takes it.
    last = possible if len(possible) else np.flatnonzero(squared > 0.0)
    return int(last[-1])
