"""thinset subset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from thinset._core import open_npy
from thinset.command_line.arguments import Output
from thinset.data import write_subset
from thinset.files.overlap import require_apart
from thinset.selection import Selection


@dataclass(frozen=True)
class Command:
    """Write the selected samples, in selection order, to a new dataset folder."""

    selection: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SELECTION")]
    """a saved selection (.npz), or a .npy file of row numbers"""
    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DATASET")]
    """the dataset folder that was selected from"""
    out: Output
    """the new dataset folder"""
    overwrite: bool = False
    """replace the folder if it exists"""

    def run(self) -> None:
        rows: Any = (
            open_npy(str(self.selection))
            if self.selection.suffix == ".npy"
            else Selection.load(self.selection)
        )
        require_apart(self.out, self.selection)
        dataset = write_subset(rows, self.data, self.out, overwrite=self.overwrite)
        print(f"{len(dataset):,} samples: {self.out}")
