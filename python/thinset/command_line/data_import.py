"""thinset data import."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from thinset.command_line.arguments import Output, optional
from thinset.data import import_dataset


@dataclass(frozen=True)
class Command:
    """Read images from files into dataset folders: DIR/train, and DIR/test and DIR/validation.

    Prints how the files were interpreted, what was skipped and what was converted.
    """

    source: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SOURCE")]
    """file or folder (see `thinset data list`), or "digits" """
    out: Output
    """folder of the dataset folders"""
    kind: Annotated[str | None, optional(metavar="KIND")] = None
    """kind of source; by default detected from the files"""
    image_size: Annotated[
        tuple[int, int] | None, optional(aliases=["--size"], metavar="HEIGHT WIDTH")
    ] = None
    """resize every image to this size; by default, images of several sizes are resized to their
    median height and width, at most 64 each; --size is the older name"""
    image_column: Annotated[str | None, optional(metavar="NAME")] = None
    """column of a parquet file that has the images"""
    label_column: Annotated[str | None, optional(metavar="NAME")] = None
    """column of a parquet file that has the labels"""
    no_labels: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """read only the images"""
    skip_unreadable: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """skip damaged or missing images, and print how many"""
    overwrite: bool = False
    """replace the folder if it exists"""

    def run(self) -> None:
        datasets = import_dataset(
            self.source,
            self.out,
            kind=self.kind,
            size=self.image_size,
            image_column=self.image_column,
            label_column=self.label_column,
            with_labels=not self.no_labels,
            skip_unreadable=self.skip_unreadable,
            note=_print_note,
            overwrite=self.overwrite,
            show_progress=True,
        )
        for split, dataset in datasets.items():
            shape = " x ".join(str(length) for length in dataset.image_shape)
            classes = f"{dataset.n_classes} classes" if dataset.labels is not None else "no labels"
            print(f"{split}: {len(dataset):,} images of {shape}, {classes}: {self.out / split}")


def _print_note(text: str) -> None:
    print(f"thinset: note: {text}", file=sys.stderr, flush=True)
