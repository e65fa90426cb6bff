"""thinset data split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from thinset.command_line.arguments import ImageSize, Output, Seed, Source, optional, parse_count
from thinset.command_line.columns import read_column
from thinset.experiments.data_split import SHARES, SUBSETS, split_dataset
from thinset.experiments.prepare.data import print_note


@dataclass(frozen=True)
class Command:
    """Divide training data by class: DIR/train, DIR/validation, and nested subsets of DIR/train.

    Test data of the source are copied to DIR/test, so that DIR holds all data of an experiment.
    DIR/subsets/0.10.npz lists the rows of DIR/train in the subset of 10 %, for `thinset subset` and
    the arm `file:DIR/subsets/0.10.npz`; every subset is a part of each larger one.
    """

    data: Source
    """dataset folder, source to import (see `thinset data list`), or "digits" """
    out: Output
    """folder of the dataset folders"""
    train: Annotated[str | None, optional(metavar="K")] = None
    """training samples: a count, or a fraction with a decimal point; by default the rest"""
    validation: Annotated[str, tyro.conf.arg(metavar="K|rest")] = "rest"
    """validation samples, in the same way; without --train and with rest, nothing is held out; a
    validation split of the source is copied instead"""
    groups: Annotated[Path | None, optional(metavar="FILE")] = None
    """the group of each training sample of the source, such as its patient: a .npy file of integers
    or text, or lines of text; no group is then in two parts"""
    shares: Annotated[tuple[float, ...], tyro.conf.arg(metavar="SHARE...")] = SHARES
    """sizes of the subsets, as shares of the training samples, above 0 to 1"""
    image_size: ImageSize = None
    """resize every image to this size"""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """replace the folder if this command wrote all of it"""
    seed: Seed = 0
    """seed of the split and of the subsets"""

    def run(self) -> None:
        held_out = None if self.validation == "rest" else self.validation
        datasets = split_dataset(
            self.data,
            self.out,
            train=None if self.train is None else parse_count(self.train, "--train"),
            validation=None if held_out is None else parse_count(held_out, "--validation"),
            shares=self.shares,
            groups=None if self.groups is None else read_column(self.groups),
            seed=self.seed,
            image_size=self.image_size,
            overwrite=self.overwrite,
            note=print_note,
            show_progress=True,
        )
        for name, dataset in datasets.items():
            print(f"{name}: {len(dataset):,} images, {dataset.n_classes} classes: {dataset.path}")
        print(f"subsets: {len(self.shares)} selections: {self.out / SUBSETS}")
