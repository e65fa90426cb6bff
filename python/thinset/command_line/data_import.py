"""thinset data import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from thinset.command_line.arguments import Output
from thinset.data import import_dataset


@dataclass(frozen=True)
class Command:
    """Read images from files into dataset folders: DIR/train and, where there is one, DIR/test."""

    source: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SOURCE")]
    """file or folder (see `thinset data list`), or "digits" """
    out: Output
    """folder of the dataset folders"""
    kind: str | None = None
    """kind of source; by default recognised from the files"""
    image_size: Annotated[
        tuple[int, int] | None,
        tyro.conf.arg(aliases=["--size"], metavar="H W", help_behavior_hint=""),
    ] = None
    """height and width to which every image is resized; --size is the older name"""
    overwrite: bool = False
    """replace the folder where it exists"""

    def run(self) -> None:
        datasets = import_dataset(
            self.source,
            self.out,
            kind=self.kind,
            size=self.image_size,
            overwrite=self.overwrite,
            show_progress=True,
        )
        for split, dataset in datasets.items():
            shape = " x ".join(str(length) for length in dataset.image_shape)
            classes = f"{dataset.n_classes} classes" if dataset.labels is not None else "no labels"
            print(f"{split}: {len(dataset):,} images of {shape}, {classes}: {self.out / split}")
