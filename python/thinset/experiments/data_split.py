"""A folder of training, validation and test data, with nested subsets of the training data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data import (
    Dataset,
    hold_out,
    hold_out_groups,
    import_dataset,
    nested_subsets,
    open_dataset,
    write_subset,
)
from thinset.data.group_splits import as_groups
from thinset.data.manifest import MANIFEST_FILE
from thinset.data.replaceable import foreign_to_dataset
from thinset.data.sources.digits import DIGITS
from thinset.data.splits import SPLITS, part_name, require_every_class
from thinset.experiments.prepare.data import as_selection, is_dataset_folder, open_splits
from thinset.files.atomic import atomic_folder
from thinset.files.overlap import require_apart
from thinset.seeds import require_seed
from thinset.selection import Selection

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    Indices = np.ndarray[Any, np.dtype[np.int64]]

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Those of the paper "Neural Data Augmentation" """
SUBSETS = "subsets"
_IMPORTED = "imported"


def split_dataset(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    train: float | None = None,
    validation: float | None = None,
    shares: Sequence[float] = SHARES,
    groups: ArrayLike | None = None,
    seed: int = 0,
    image_size: tuple[int, int] | None = None,
    overwrite: bool = False,
    note: Callable[[str], None] | None = None,
    show_progress: bool = False,
) -> dict[str, Dataset]:
    """Divide the training data of `source` by class; returns the datasets by split.

    `source`: a dataset folder, a folder with dataset folders train, test and validation, or
    anything that `import_dataset` reads. Writes out/train, out/validation and, where the source has
    test data, a copy as out/test: `out` is then the whole data of an experiment. `train` and
    `validation` are counts (int) or fractions (float) of the training data; None is the rest, and
    without both nothing is held out. A validation split of the source is copied instead.
    out/subsets/SHARE.npz hold the rows of out/train that `nested_subsets` chooses, as selections.

    groups: (N,) integers or text, the group of each training sample of the source, such as its
    patient: no group is then in both parts, and the sizes are met as nearly as whole groups allow.

    Without groups, those held out are `hold_out(labels, n_validation, seed)`, as experiments with
    validation=n_validation and split_seed=seed hold them out. The folder is written atomically.

    Raises ValueError for sizes and shares out of range, for a class that would have no sample in a
    part or a subset, without labels, and for an output that would replace its source;
    FileExistsError where `out` exists and `overwrite` is false or something else is in it.
    """
    require_seed("seed", seed)
    if len(set(shares)) < len(shares):
        raise ValueError(f"shares must be distinct, got {', '.join(map(str, shares))}")
    if str(source) != DIGITS:
        require_apart(out, source)
    with atomic_folder(out, overwrite=overwrite, foreign=_foreign) as folder:
        splits = _opened(str(source), folder / _IMPORTED, image_size, note, show_progress)
        whole = splits["train"]
        if whole.labels is None:
            raise ValueError(f"{source} has no labels, which splitting by class needs")
        labels = np.asarray(whole.labels)
        if "validation" in splits:
            if train is not None or validation is not None:
                raise ValueError(
                    f"{source} has a validation split, which is copied; do not give the size of "
                    "the training or validation data as well"
                )
            if groups is not None:
                raise ValueError(
                    f"{source} has a validation split, which is copied; leave groups out, "
                    "or merge the splits first"
                )
            rows = {"train": np.arange(len(labels))}
        else:
            rows = _rows_of(labels, train, validation, seed, groups)
        subsets = nested_subsets(labels[rows["train"]], shares, seed)
        for name, indices in rows.items():
            if len(indices) == len(whole):
                _copy(whole, folder / name)
                continue
            chosen = as_selection(indices, len(whole), "stratified split", seed, part=name)
            write_subset(chosen, whole, folder / name, name=part_name(whole.name, name))
        for name in splits.keys() - rows.keys():
            _copy(splits[name], folder / name)
        (folder / SUBSETS).mkdir()
        for share, indices in subsets.items():
            chosen = as_selection(indices, len(rows["train"]), "nested", seed, share=share)
            chosen.save(folder / SUBSETS / f"{share_name(share)}.npz")
        shutil.rmtree(folder / _IMPORTED, ignore_errors=True)
    return open_splits(Path(out))


def share_name(share: float) -> str:
    """Return "0.10" for 0.1, and all digits where two decimals are not enough."""
    short = f"{share:.2f}"
    return short if float(short) == share else repr(float(share))


def _opened(
    source: str,
    imported: Path,
    image_size: tuple[int, int] | None,
    note: Callable[[str], None] | None,
    show_progress: bool,
) -> dict[str, Dataset]:
    if image_size is None and is_dataset_folder(source):
        return {"train": open_dataset(source)}
    if image_size is None and is_dataset_folder(Path(source) / "train"):
        return open_splits(Path(source))
    return import_dataset(source, imported, size=image_size, note=note, show_progress=show_progress)


def _rows_of(
    labels: Indices,
    train: float | None,
    validation: float | None,
    seed: int,
    groups: ArrayLike | None,
) -> dict[str, Indices]:
    """The rows of both parts; of the training part alone if neither size is given."""
    n_rows = len(labels)
    n_train, n_validation = (
        None if size is None else _count(size, n_rows, name)
        for size, name in ((train, "training"), (validation, "validation"))
    )
    if n_train is None and n_validation is None:
        if groups is not None:
            raise ValueError(
                "groups divide the data, so they need the size of the training or validation data "
                "(on the command line, --train or --validation)"
            )
        return {"train": np.arange(n_rows)}
    if n_validation is None:
        assert n_train is not None
        n_validation = n_rows - n_train
        if n_validation == 0:
            raise ValueError(
                f"{n_train} training samples of {n_rows} leave none for validation; choose fewer, "
                "or give neither size to use all samples for training"
            )
    if n_validation == n_rows:
        raise ValueError(f"{n_validation} validation samples of {n_rows} leave none for training")
    if n_train is not None and n_train + n_validation > n_rows:
        raise ValueError(
            f"{n_train} training and {n_validation} validation samples are more than the {n_rows} "
            "that there are"
        )
    if groups is None:
        _require_two_samples(labels)
        rest, held_out = hold_out(labels, n_validation, seed)
    else:
        group_of = as_groups(groups, n_rows)
        rest, held_out = hold_out_groups(labels, group_of, n_validation, seed)
    if n_train is not None and n_train < n_rows - n_validation and n_train < len(rest):
        chosen = (
            hold_out(labels[rest], n_train, seed)
            if groups is None
            else hold_out_groups(labels[rest], group_of[rest], n_train, seed)
        )
        rest = rest[chosen[1]]
    require_every_class(labels, rest, "training")
    require_every_class(labels, held_out, "validation")
    return {"train": rest, "validation": held_out}


def _count(size: float, n_rows: int, part: str) -> int:
    is_count = isinstance(size, int)
    count = int(size) if is_count else round(size * n_rows) if 0 < size < 1 else 0
    if not 0 < count <= n_rows:
        raise ValueError(
            f"the size of the {part} data must be a count from 1 to {n_rows}, the number of "
            f"samples, or a fraction between 0 and 1; got {size}"
        )
    return count


def _require_two_samples(labels: Indices) -> None:
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"class {classes[counts.argmin()]} has a single sample, but each class needs at least "
            "2 to be in the training and in the validation data; leave the class out first"
        )


def _copy(dataset: Dataset, target: Path) -> None:
    """Copy a dataset folder file by file; its fingerprint and provenance stay."""
    target.mkdir()
    files = {entry.file for entry in dataset.manifest.arrays.values()}
    for name in (*sorted(files), MANIFEST_FILE):
        shutil.copyfile(dataset.path / name, target / name)


def _foreign(folder: Path) -> str | None:
    """The first entry of `folder` that `split_dataset` does not write; None without one."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_dir() or path.name not in (*SPLITS, SUBSETS):
            return path.name
        inside = _foreign_to_subsets(path) if path.name == SUBSETS else foreign_to_dataset(path)
        if inside is not None:
            return f"{path.name}/{inside}"
    return None


def _foreign_to_subsets(folder: Path) -> str | None:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            return path.name
        try:
            Selection.load(path)
        except (OSError, ValueError):
            return path.name
    return None
