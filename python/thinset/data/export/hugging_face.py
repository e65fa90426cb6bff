"""Chosen rows of a Hugging Face dataset, saved as one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.export.chosen import Wanted, as_id
from thinset.data.export.outputs import new_folder
from thinset.files.regular import require_regular

if TYPE_CHECKING:
    from thinset.data.export.chosen import By, Chosen


def is_hugging_face(source: Any) -> bool:
    """Whether this is a Dataset or DatasetDict, or a folder that `save_to_disk` wrote."""
    if isinstance(source, (str, os.PathLike)):
        folder = Path(source)
        return (folder / "dataset_dict.json").is_file() or (
            (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()
        )
    library = sys.modules.get("datasets")  # an object can only come from a library that is loaded
    return library is not None and isinstance(source, (library.Dataset, library.DatasetDict))


def rows_of_dataset(
    dataset: Any, chosen: Chosen, by: By, id_column: str | None
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The row numbers of the chosen samples of a datasets.Dataset, in selection order.

    Raises ValueError if it does not have the chosen rows or ids.
    """
    if by == "rows":
        return chosen.rows_of(len(dataset), "the dataset")
    if id_column is None:
        raise ValueError(
            "rows of a dataset are found by ids in a column; name it with id_column= (on the "
            "command line --id-column NAME), or select by row numbers"
        )
    if id_column not in dataset.column_names:
        known = ", ".join(dataset.column_names)
        raise ValueError(f"id_column must be one of {known}; got {id_column!r}")
    wanted = Wanted(chosen, "ids", "the dataset")
    order = np.full(len(chosen), -1, np.int64)
    row = 0
    for batch in dataset.select_columns([id_column]).with_format("arrow").iter(10_000):
        for value in batch.column(0).to_pylist():
            place = f"row {row}"
            key = None if value is None else as_id(value, place)
            position = wanted.position(row, key, place)
            if position is not None:
                order[position] = row
            row += 1
    wanted.require_complete(row)
    return order


def write_hugging_face(
    source: Any,
    out: Path,
    chosen: Chosen,
    by: By,
    *,
    split: str,
    id_column: str | None,
    in_selection_order: bool,
    overwrite: bool,
) -> None:
    """Save the chosen rows of a dataset, or of one split, as a folder for `load_from_disk`."""
    inputs = [source] if isinstance(source, (str, os.PathLike)) else _files_of(source)
    dataset = _one_split(_load(source), split)
    rows = rows_of_dataset(dataset, chosen, by, id_column)
    if not in_selection_order:
        rows = np.sort(rows)
    with new_folder(out, inputs, overwrite=overwrite, form="huggingface", chosen=chosen) as (
        folder,
        _,
    ):
        dataset.select(rows).save_to_disk(str(folder))


def _load(source: Any) -> Any:
    if not isinstance(source, (str, os.PathLike)):
        return source
    try:
        import datasets
    except ImportError as error:
        raise ImportError(
            "reading a Hugging Face dataset needs datasets: pip install 'thinset[datasets]'",
            name="datasets",
        ) from error
    for name in ("state.json", "dataset_dict.json"):
        if (Path(source) / name).exists():
            require_regular(Path(source) / name)
    try:
        return datasets.load_from_disk(os.fspath(source))
    except (ValueError, KeyError, TypeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{source} is damaged: {type(error).__name__}: {error}") from error


def _one_split(dataset: Any, split: str) -> Any:
    if not isinstance(dataset, dict):
        return dataset
    if split not in dataset:
        raise ValueError(f"the dataset has the splits {list(dataset)}, got {split!r}")
    return dataset[split]


def _files_of(dataset: Any) -> list[str]:
    splits = dataset.values() if isinstance(dataset, dict) else [dataset]
    return [file["filename"] for part in splits for file in part.cache_files]
