"""Imports, splits, modifies and decodes the data of an experiment, each once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from thinset.data import (
    SPLITS,
    Dataset,
    EncodedDataset,
    hold_out,
    import_dataset,
    open_dataset,
    open_encoded,
    require_matching_splits,
    write_long_tailed,
    write_photographs,
    write_redundant,
    write_subset,
)

if TYPE_CHECKING:
    import os

    from thinset.experiments.run_folder import RunFolder


class TrainAndTest(NamedTuple):
    train: Dataset
    test: Dataset


def is_dataset_folder(path: str | os.PathLike[str]) -> bool:
    return (Path(path) / "manifest.json").exists()


def prepare_data(
    source: str,
    folder: RunFolder,
    *,
    hold_out_share: float,
    on_validation: bool = False,
    image_size: tuple[int, int] | None = None,
    show_progress: bool,
) -> TrainAndTest:
    """Open `source`, importing and splitting it where needed.

    `source`: a dataset folder, a folder with dataset folders train and test, or anything that
    `import_dataset` reads. Without test data, a stratified `hold_out_share` is held out (seed 0);
    with `on_validation` it is always held out, and replaces the test data. `image_size` = (height,
    width) resizes the images. Raises ValueError if training and test data do not go together; see
    `require_matching_splits`.
    """
    splits = _open_splits(source, folder, image_size, show_progress=show_progress)
    if "test" in splits and not on_validation:
        require_matching_splits(splits["train"], splits["test"])
        return TrainAndTest(splits["train"], splits["test"])
    parts = {name: folder.test_split / name for name in ("train", "test")}
    if not folder.is_made(folder.test_split, "splitting"):
        whole = splits["train"]
        if whole.labels is None:
            raise ValueError(f"{source} has no labels, which training a classifier needs")
        with folder.making(folder.test_split, "splitting") as path:
            rows = hold_out(whole.labels, hold_out_share, random_state=0)
            for name, indices in zip(parts, rows, strict=True):
                write_subset(indices, whole, path / name, name=f"{whole.name}/{name}")
    data = TrainAndTest(open_dataset(parts["train"]), open_dataset(parts["test"]))
    require_matching_splits(*data)
    return data


def prepare_variant(data: TrainAndTest, variant: str | None, folder: RunFolder) -> TrainAndTest:
    """Make the training data harder (see StudySettings), once; the test data do not change."""
    if variant is None:
        return data
    name, _, amount = variant.partition(":")
    path = folder.path / "variant"
    if not is_dataset_folder(path):
        if name == "redundant":
            write_redundant(data.train, path, overwrite=True)
        elif name == "long_tailed" and amount.replace(".", "", 1).isdigit():
            write_long_tailed(data.train, path, imbalance=float(amount), overwrite=True)
        else:
            raise ValueError(f"variant must be redundant, or long_tailed:NUMBER; got {variant!r}")
    return TrainAndTest(open_dataset(path), data.test)


def prepare_encoded(
    source: str,
    data: Dataset,
    folder: RunFolder,
    photograph_side: int | None,
    image_size: tuple[int, int] | None = None,
) -> EncodedDataset:
    """Open the training images of `source` encoded, or photographs of `data`, made once.

    `image_size`: the size that `data` was prepared with.
    """
    if photograph_side is None:
        return open_encoded(source, size=image_size)
    path = folder.path / "photographs.parquet"
    stage = "making photographs"
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            write_photographs(data, partial, side=photograph_side)
    return open_encoded(path, size=data.image_shape[:2])


def prepare_decoded(encoded: EncodedDataset, folder: RunFolder, *, stage: str) -> Dataset:
    """Decode every image into a dataset folder, once; the seconds are those of `stage`."""
    path = folder.path / "decoded"
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            encoded.write_rows(np.arange(len(encoded)), partial)
    return open_dataset(path)


def open_training_data(
    source: str,
    folder: RunFolder,
    image_size: tuple[int, int] | None = None,
    *,
    show_progress: bool,
) -> Dataset:
    """The training data of `source` (see prepare_data), imported where needed."""
    return _open_splits(source, folder, image_size, show_progress=show_progress)["train"]


def _open_splits(
    source: str, folder: RunFolder, image_size: tuple[int, int] | None, *, show_progress: bool
) -> dict[str, Dataset]:
    splits = _written_splits(source, folder, image_size)
    if splits is None:
        with folder.making(folder.data, "import") as partial:
            import_dataset(
                source,
                partial,
                size=image_size,
                note=print_note if show_progress else None,
                show_progress=show_progress,
            )
        splits = open_splits(folder.data)
    if "validation" in splits and show_progress:
        print_note("the validation split is not used: neither for training nor for testing")
    return splits


def _written_splits(
    source: str, folder: RunFolder, image_size: tuple[int, int] | None
) -> dict[str, Dataset] | None:
    """The dataset folders that the source is or was imported to; None if there are none."""
    # Resized images exist only in the run's folder.
    if image_size is None:
        if is_dataset_folder(source):
            return {"train": open_dataset(source)}
        if is_dataset_folder(Path(source) / "train"):
            return open_splits(Path(source))
    return open_splits(folder.data) if folder.is_made(folder.data, "import") else None


def open_splits(parent: Path) -> dict[str, Dataset]:
    """The existing dataset folders among train, test and validation in the folder `parent`."""
    names = [name for name in SPLITS if is_dataset_folder(parent / name)]
    return {name: open_dataset(parent / name) for name in names}


def print_note(text: str) -> None:
    """Print what preparation decided."""
    print(f"thinset: note: {text}", file=sys.stderr, flush=True)  # noqa: T201
