"""`random`: drawn from the number of rows alone, after every worker has checked its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thinset.distributed.algorithm import Algorithm
from thinset.selection.matrix_input import HostMatrix

if TYPE_CHECKING:
    from thinset.distributed.engine import Engine
    from thinset.distributed.held_rows import HeldRows
    from thinset.distributed.messages import Arrays


class CheckedRows:
    """Rows whose values are all read once."""

    def __init__(self, rows: HeldRows, n_threads: int) -> None:
        self._rows = rows
        self._n_threads = n_threads

    def check(self) -> Arrays:
        """Raise ValueError for NaN and infinity, as a selection does."""
        self._rows.matrix.choose(1, method="random", n_threads=self._n_threads)
        return ()


class Random(Algorithm):
    """One round; the draw is that of the core, for a matrix of as many rows without content."""

    work = CheckedRows

    def settings(self) -> dict[str, int]:
        return {"n_threads": self.request.n_threads}

    def step(self, engine: Engine) -> bool:
        engine.call("check")
        # Pages of zeros take no memory until they are written.
        empty = HostMatrix(np.zeros((self.n_total, 1), np.float16), is_bfloat16=False)
        drawn = empty.choose(
            self.request.n_samples,
            method="random",
            seed=self.request.seed,
            **self.request.options,
        )
        self.rows, self.gains = drawn.indices.tolist(), drawn.gains.tolist()
        return True
