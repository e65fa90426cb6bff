"""thinset report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Command:
    """Rewrite the report page of a finished run from its folder; needs no torch."""

    run_folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    """folder written by run, demo, compare, plan, probe or reproduce"""

    def run(self) -> None:
        from thinset.experiments.pages import write_page

        print(f"report: {write_page(self.run_folder)}")
