"""index_select from a memory map, over all of torch's threads."""

from __future__ import annotations

import os
import warnings

import numpy as np
import torch


def solve(problem):
    with warnings.catch_warnings():
        # torch points out that the map is read-only; it is only read.
        warnings.simplefilter("ignore")
        images = torch.from_numpy(np.load(problem.source, mmap_mode="r"))
    rows = images.index_select(0, torch.from_numpy(problem.indices))
    with open(problem.target, "wb") as file:
        np.save(file, rows.numpy())
        file.flush()
        os.fsync(file.fileno())
