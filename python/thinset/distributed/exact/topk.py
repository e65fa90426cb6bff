"""`topk`: the best rows of every element in each part, merged and dealt out by one coordinator.

One round is the rule. Elements that share many rows take another, with longer lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset import _core
from thinset.distributed.algorithm import Algorithm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from thinset.distributed.algorithm import Request
    from thinset.distributed.engine import Engine
    from thinset.distributed.held_rows import HeldRows
    from thinset.distributed.messages import Arrays
    from thinset.distributed.shards import Part


class BestRows:
    """The best rows of every element in one part."""

    def __init__(self, rows: HeldRows, mode: str, n_threads: int) -> None:
        self._rows = rows
        self._mode = mode
        self._n_threads = n_threads

    def lists(self, depth: NDArray[np.int64], taken: NDArray[np.int64]) -> Arrays:
        """Of the rows that are not `taken`: the best `depth`, and the range of every element."""
        n_rows, best, activations, extent = _core.top_k_lists(
            self._rows.matrix.values,
            int(depth),
            first_row=self._rows.part.first_row,
            mode=self._mode,
            taken=taken,
            n_threads=self._n_threads,
            bfloat16=self._rows.matrix.is_bfloat16,
        )
        return np.array(n_rows), best, activations, extent


class TopK(Algorithm):
    """The coordinator deals as one machine does, and requests longer lists where they run out."""

    work = BestRows

    def __init__(self, request: Request, parts: Sequence[Part]) -> None:
        super().__init__(request, parts)
        self._coordinator = _core.TopKCoordinator(
            self.n_total, parts[0].n_columns, request.n_samples, **request.options
        )

    def settings(self) -> dict[str, Any]:
        return {"mode": self.request.options["mode"], "n_threads": self.request.n_threads}

    def step(self, engine: Engine) -> bool:
        coordinator = self._coordinator
        depth = np.array(coordinator.depth, np.int64)
        taken = coordinator.taken
        answers = engine.call("lists", depth, taken)
        coordinator.deal(
            [(int(n_rows), best, values, extent) for n_rows, best, values, extent in answers]
        )
        if coordinator.is_done:
            self.rows = coordinator.indices.tolist()
            self.gains = coordinator.gains.tolist()
        return coordinator.is_done

    @property
    def constant_columns(self) -> tuple[int, ...]:
        return tuple(self._coordinator.constant_columns.tolist())
