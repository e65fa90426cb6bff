"""Fancy indexing of a memory map."""

from __future__ import annotations

import os

import numpy as np


def solve(problem):
    rows = np.load(problem.source, mmap_mode="r")[problem.indices]
    with open(problem.target, "wb") as file:
        np.save(file, rows)
        file.flush()
        os.fsync(file.fileno())
