"""thinset data download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from thinset.command_line.arguments import Output
from thinset.data import download


@dataclass(frozen=True)
class Command:
    """Download the official files of a public dataset over https, checked by SHA-256."""

    name: Annotated[
        tyro.conf.Positional[Literal["cifar10", "mnist"]], tyro.conf.arg(metavar="NAME")
    ]
    """cifar10 (163 MB) or mnist (11 MB)"""
    out: Output
    """folder for the files; import them from there"""

    def run(self) -> None:
        for path in download(self.name, self.out, show_progress=True):
            print(path)
