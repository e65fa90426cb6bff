"""thinset report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Command:
    """Write the report page of a run again, from what lies in its folder."""

    run_folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    """folder that run, demo, compare or reproduce wrote"""

    def run(self) -> None:
        from thinset.recipes.pipeline import rewrite_report
        from thinset.recipes.reproduction import rewrite_figure
        from thinset.recipes.run_folder import read_settings

        _, notes = read_settings(self.run_folder)
        rewrite = rewrite_figure if "figure" in notes else rewrite_report
        print(f"report: {rewrite(self.run_folder)}")
