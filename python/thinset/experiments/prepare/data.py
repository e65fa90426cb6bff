"""Imports, splits, modifies and decodes the data of an experiment, each once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from thinset.data import (
    SPLITS,
    Dataset,
    EncodedDataset,
    hold_out,
    import_dataset,
    nested_subsets,
    open_dataset,
    open_encoded,
    require_matching_splits,
    write_long_tailed,
    write_photographs,
    write_redundant,
    write_subset,
)
from thinset.data.matching_splits import require_one_shape, require_trainable
from thinset.data.soft_labels import class_numbers
from thinset.data.sources.exported import import_exported
from thinset.data.sources.listing import count
from thinset.data.splits import part_name, require_every_class
from thinset.selection import Selection

if TYPE_CHECKING:
    import os

    from thinset.data.sources.exported import Exported
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import DataSettings
    from thinset.experiments.where import Where
    from thinset.results.arm import Arm


_MANY_TESTS = 100
"""With fewer test samples, one of them is more than a point of accuracy."""


class Splits(NamedTuple):
    """The data of an experiment; without validation data, `validation` is None."""

    train: Dataset
    test: Dataset
    validation: Dataset | None = None


def is_dataset_folder(path: str | os.PathLike[str]) -> bool:
    return (Path(path) / "manifest.json").exists()


def prepare_splits(where: Where, settings: DataSettings, folder: RunFolder) -> Splits:
    """The data of an experiment before its own parts are chosen; see prepare_data."""
    data = prepare_data(
        where.source,
        folder,
        hold_out_share=settings.hold_out,
        on_validation=settings.on_validation,
        image_size=where.image_size,
        uses_validation=settings.keeps_best or settings.validation is not None,
        show_progress=where.show_progress,
    )
    if settings.validation is not None and data.validation is not None and where.show_progress:
        print_note(
            f"the validation split of {where.source} is used; validation = {settings.validation} "
            "is for sources without one"
        )
    return data


def prepare_data(
    source: str,
    folder: RunFolder,
    *,
    hold_out_share: float,
    on_validation: bool = False,
    image_size: tuple[int, int] | None = None,
    uses_validation: bool = False,
    show_progress: bool,
) -> Splits:
    """Open `source`, importing and splitting it where needed.

    `source`: a dataset folder, a folder with dataset folders train and test, or anything that
    `import_dataset` reads. Without test data, a stratified `hold_out_share` is held out (seed 0);
    with `on_validation` it is always held out, and replaces the test data. Without labels, the most
    probable class of the soft labels decides. `image_size` = (height, width) resizes the images. A
    validation split of the source is returned if `uses_validation`; else a note says that it is not
    used. Raises ValueError if the splits do not go together; see `require_matching_splits`.
    """
    splits = _open_splits(source, folder, image_size, show_progress=show_progress)
    validation = splits.get("validation") if uses_validation else None
    if validation is not None:
        require_matching_splits(splits["train"], validation)
    elif "validation" in splits and show_progress:
        print_note("the validation split is not used: neither for training nor for testing")
    if "test" in splits and not on_validation:
        require_matching_splits(splits["train"], splits["test"])
        if show_progress:
            note_few_tests(splits["test"])
        return Splits(splits["train"], splits["test"], validation)
    parts = {name: folder.test_split / name for name in ("train", "test")}
    if not folder.is_made(folder.test_split, "splitting"):
        whole = splits["train"]
        require_trainable(whole, source)
        labels = class_numbers(whole)
        assert labels is not None
        with folder.making(folder.test_split, "splitting") as path:
            rows = hold_out(labels, hold_out_share, random_state=0)
            for name, indices in zip(parts, rows, strict=True):
                write_subset(indices, whole, path / name, name=part_name(whole.name, name))
    data = Splits(open_dataset(parts["train"]), open_dataset(parts["test"]), validation)
    require_matching_splits(data.train, data.test)
    if show_progress:
        why = "" if on_validation else ", because the source has no test data"
        print_note(
            f"{len(data.test):,} of the {len(splits['train']):,} training samples are held out to "
            f"test on{why}"
        )
        note_few_tests(data.test)
    return data


def note_few_tests(test: Dataset) -> None:
    """Print how coarse accuracies are where they are of few samples."""
    n = len(test)
    if n < _MANY_TESTS:
        print_note(
            f"{test.path} has {count(n, 'sample')} to test on: one of them is "
            f"{100 / n:.3g} points of accuracy, so that differences say little"
        )


def prepare_parts(
    data: Splits, folder: RunFolder, *, validation: float | None, share: float, seed: int
) -> Splits:
    """Hold validation data out of the training data and keep a share of the rest, once.

    The arguments are those of DataSettings. Validation data that exist are kept, and none are held
    out. Rows are chosen by class and stored as indices.npy beside the images. Raises ValueError if
    there are no labels or a class would have no training sample.
    """
    if data.validation is not None:
        validation = None
    if validation is None and share == 1:
        return data
    stage = "choosing training and validation data"
    if not folder.is_made(folder.parts, stage):
        with folder.making(folder.parts, stage) as path:
            for name, rows in _rows_of_parts(data.train, validation, share, seed).items():
                sizes = {"validation": validation, "share": share if name == "train" else None}
                chosen = as_selection(rows, len(data.train), "stratified split", seed, **sizes)
                write_subset(chosen, data.train, path / name, name=part_name(data.train.name, name))
    held_out = folder.parts / "validation"
    return Splits(
        open_dataset(folder.parts / "train"),
        data.test,
        data.validation if validation is None else open_dataset(held_out),
    )


def _rows_of_parts(
    data: Dataset, validation: float | None, share: float, seed: int
) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    labels = class_numbers(data)
    if labels is None:
        raise ValueError(f"{data.path} has no labels, which choosing samples by class needs")
    labels = np.asarray(labels)
    rows = {"train": np.arange(len(data))}
    if validation is not None:
        try:
            rows["train"], rows["validation"] = hold_out(labels, validation, seed)
            require_every_class(labels, rows["train"], "training")
        except ValueError as error:
            raise ValueError(f"validation {validation} does not fit: {error}") from error
    rows["train"] = rows["train"][nested_subsets(labels[rows["train"]], [share], seed)[share]]
    return rows


def require_validation(data: Dataset, validation: float) -> None:
    """Raise the errors of `prepare_parts` for so much validation data; writes nothing."""
    _rows_of_parts(data, validation, share=1, seed=0)


def as_selection(
    rows: np.ndarray[Any, np.dtype[np.int64]],
    n_total: int,
    method: str,
    seed: int,
    **params: object,
) -> Selection:
    """Rows that were chosen without embeddings, as a selection; its gains are 0."""
    values = {"n_samples": len(rows), "seed": seed, **params}
    return Selection(rows, np.zeros(len(rows)), n_total, method, values)


def prepare_variant(data: Splits, variant: str | None, folder: RunFolder) -> Splits:
    """Make the training data harder (see StudySettings), once; the other data do not change."""
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
    return data._replace(train=open_dataset(path))


def prepare_encoded(
    source: str,
    data: Dataset,
    folder: RunFolder,
    photograph_side: int | None,
    image_size: tuple[int, int] | None = None,
) -> EncodedDataset:
    """Open the training images of `source` encoded, or photographs of `data`, made once.

    `image_size`: the size that `data` was prepared with. Raises ValueError if `data` is only a part
    of the images of `source`.
    """
    if photograph_side is None:
        encoded = open_encoded(source, size=image_size)
        if len(encoded) != len(data):
            raise ValueError(
                f"from_encoded needs all {len(encoded)} training images of {source}, but only "
                f"{len(data)} are trained on; use a source with test data, without validation and "
                "share, or set photograph_side"
            )
        return encoded
    path = folder.path / "photographs.parquet"
    stage = "making photographs"
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            write_photographs(data, partial, side=photograph_side)
    return open_encoded(path, size=data.image_shape[:2])


def require_encoded(arm: Arm, encoded: EncodedDataset | None, source: str) -> None:
    """Raise ValueError if `arm` decodes images in a way that does not apply to the data."""
    if not (arm.is_cached or arm.is_draft):
        return
    if encoded is None:
        raise ValueError(
            f"the arm {arm} is for images that stay encoded (from_encoded = true), but those of "
            f"{source} are decoded before any training"
        )
    try:
        decoded_for(arm, encoded)
    except ValueError as error:
        raise ValueError(f"the arm {arm}: {error}") from error


def decoded_for(arm: Arm, encoded: EncodedDataset) -> EncodedDataset:
    """The images as the arm decodes them; a cache is empty, so that each training pays for it."""
    if not (arm.is_cached or arm.is_draft):
        return encoded
    cache = "memory" if arm.is_cached else None
    return encoded.decoded_otherwise(draft=arm.is_draft, cache=cache)


def prepare_decoded(encoded: EncodedDataset, folder: RunFolder, *, stage: str) -> Dataset:
    """Decode every image into a dataset folder, once; the seconds are those of `stage`."""
    path = folder.path / "decoded"
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            encoded.write_rows(np.arange(len(encoded)), partial)
    return open_dataset(path)


def prepare_exported(source: Exported, data: Dataset, folder: RunFolder) -> Dataset:
    """Write a small set of another program as a dataset folder, once.

    `data`: the real training data, whose classes it has. Raises ValueError, naming the files, if
    the images do not match, or if the files have changed since the folder was begun.
    """
    path, stage = folder.path / "set", "reading the set"
    digest = source.digest()
    if not folder.is_made(path, stage):
        with folder.making(path, stage) as partial:
            made = import_exported(source, partial, class_names=data.class_names)
            # A set that does not match is not kept: its files may be corrected.
            require_one_shape(data.image_shape, made.image_shape, source.images)
    folder.require_unchanged(f"{source.images}", digest)
    return open_dataset(path)


def open_training_data(
    source: str,
    folder: RunFolder,
    image_size: tuple[int, int] | None = None,
    *,
    skip_unreadable: bool = False,
    show_progress: bool,
) -> Dataset:
    """The training data of `source` (see prepare_data), imported where needed.

    skip_unreadable: leave out images that are damaged or missing.
    """
    splits = _open_splits(
        source, folder, image_size, skip_unreadable=skip_unreadable, show_progress=show_progress
    )
    return splits["train"]


def open_training_parts(
    source: str,
    folder: RunFolder,
    image_size: tuple[int, int] | None = None,
    *,
    validation: float | None,
    show_progress: bool,
) -> tuple[Dataset, Dataset | None]:
    """The training data of `source`, and validation data: its own split or part of the training.

    `validation`: how much is held out where the source has no such split, once; see DataSettings.
    """
    splits = _open_splits(source, folder, image_size, show_progress=show_progress)
    train, own = splits["train"], splits.get("validation")
    if own is not None:
        require_matching_splits(train, own)
    # No test data are read.
    parts = prepare_parts(Splits(train, train, own), folder, validation=validation, share=1, seed=0)
    return parts.train, parts.validation


def _open_splits(
    source: str,
    folder: RunFolder,
    image_size: tuple[int, int] | None,
    *,
    skip_unreadable: bool = False,
    show_progress: bool,
) -> dict[str, Dataset]:
    splits = _written_splits(source, folder, image_size)
    if splits is None:
        with folder.making(folder.data, "import") as partial:
            import_dataset(
                source,
                partial,
                size=image_size,
                skip_unreadable=skip_unreadable,
                note=print_note if show_progress else None,
                show_progress=show_progress,
            )
        splits = open_splits(folder.data)
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
