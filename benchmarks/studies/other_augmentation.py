"""A figure of `thinset reproduce` again, with another augmentation.

    python benchmarks/studies/other_augmentation.py long_tailed --data cifar10 -o OUT \
        --methods full full:balanced random:per_class --seeds 0 1 2

The preset "quick", except that images are augmented as is usual for CIFAR-10: four black pixels
around them, cropped to their full size, mirrored, and neither brightness nor contrast changed. The
recipes themselves crop to 24 pixels, mirror, and change both. OUT gets records, a report and its
plots, as from `thinset reproduce`. Run again, it trains what is missing.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from thinset.experiments.figures.registry import recipe_of, settings_of
from thinset.experiments.kinds import kind_of
from thinset.experiments.where import Where
from thinset.results import Arm

FIGURES = ("long_tailed", "redundant")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figure", choices=FIGURES)
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--methods", type=Arm.parse, nargs="+", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    settings = settings_of(arguments.figure, "quick")
    settings = dataclasses.replace(
        settings,
        arms=tuple(arguments.methods),
        seeds=tuple(arguments.seeds),
        training=dataclasses.replace(
            settings.training,
            crop="whole",
            padding=4,
            flip=True,
            brightness=0.0,
            contrast=None,
        ),
    )
    recipe = recipe_of(arguments.figure)
    where = Where(arguments.data, arguments.out, show_progress=True)
    print(kind_of(recipe.kind).make(recipe, settings, where, print))


if __name__ == "__main__":
    main()
