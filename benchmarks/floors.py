"""The least that a machine must do for a problem, measured beside the contenders.

Nothing that reads the matrix ends before one read of it; nothing that needs every distance in
float32 ends much before the matrix product in them; no file is written faster than its bytes go to
the page cache. How far a contender is from its floor says more than who it beats.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
import torch

_ROWS_PER_PRODUCT = 256


class Floor(NamedTuple):
    run: object  # without arguments
    amount: float  # per run, in `unit`
    unit: str  # "B" or "FLOP"


def one_read(X):
    """Sum all bytes of the matrix, eight at a time, in all threads."""
    n_words = X.nbytes // 8
    words = torch.from_numpy(X.reshape(-1).view(np.uint8)[: n_words * 8].view(np.int64))
    return Floor(words.sum, words.nbytes, "B")


def distance_product(X, n_others, times=1):
    """The product of all rows with `n_others` of them in float32, block by block, `times` over.

    It is the part of |x - y|^2 = |x|^2 - 2 x.y + |y|^2 that grows with rows times others.
    """
    rows = torch.from_numpy(X)
    others = rows[:n_others].T.contiguous()
    product = torch.empty(_ROWS_PER_PRODUCT, n_others)

    def run():
        for _ in range(times):
            for start in range(0, len(rows), _ROWS_PER_PRODUCT):
                block = rows[start : start + _ROWS_PER_PRODUCT]
                torch.mm(block, others, out=product[: len(block)])

    return Floor(run, 2.0 * len(X) * n_others * X.shape[1] * times, "FLOP")


def file_write(path, data, *, sync):
    """Write bytes that are in memory to a new file; without `sync` into the page cache alone."""

    def run():
        path.unlink(missing_ok=True)
        with open(path, "wb", buffering=0) as file:
            remaining = memoryview(data)
            while remaining:
                remaining = remaining[file.write(remaining) :]
            if sync:
                os.fsync(file.fileno())

    return Floor(run, len(data), "B")
