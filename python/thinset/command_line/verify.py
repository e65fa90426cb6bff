"""thinset verify."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from thinset.experiments.verification import verify


@dataclass(frozen=True)
class Command:
    """Check a dataset folder, a selection or everything in a folder against its digests.

    Checks datasets, selections, embeddings, encoders, weights, checkpoints, settings, plans, run
    records and the seconds of stages. Names the first file that is damaged or has changed.
    """

    path: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="PATH")]
    """dataset folder, saved selection (.npz), or a folder that contains these"""

    def run(self) -> None:
        n_checked = verify(self.path)
        if n_checked == 0:
            raise ValueError(f"{self.path} holds no dataset folder, selection or run record")
        parts = "part" if n_checked == 1 else "parts"
        print(f"ok: {n_checked} {parts} checked under {self.path}")
