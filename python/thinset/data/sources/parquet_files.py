"""Which parquet files of a folder belong to which split."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from thinset.data.sources.file_tree import read_tree
from thinset.data.sources.listing import count, first_of
from thinset.data.sources.split_names import in_order, split_of_folder, splits_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SUFFIX = ".parquet"
_DEPTH = 3  # folders: configuration, split and one more
# What numbers the parts of one table: 00000-of-00005, part-0, 3f2a-..., c000.snappy.
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PART = re.compile(
    r"\d+|[0-9a-f]{8,}|((part|shard|chunk|batch|file|split|data|images?|c)\d*)|of|snappy|gz|zstd",
    re.IGNORECASE,
)


class ParquetFiles(NamedTuple):
    """The files of each split, and what there is to say about the choice."""

    splits: Mapping[str, list[Path]]
    notes: tuple[str, ...]


def has_parquet(path: str) -> bool:
    """Whether `path` is a .parquet file, or a folder with one not more than three folders deep."""
    root = Path(path)
    if root.is_dir():
        return any(_is_parquet(file) for file in read_tree(root, depth=_DEPTH).files)
    return _is_parquet(root) and root.is_file()


def find_parquet(path: str) -> ParquetFiles:
    """Divide the files by the splits in their names, or in those of their folders.

    train-00000-of-00005, train_0, mnist_train, test and data/train-0 are named after a split, and
    so are train/0000 and default/train/0000. Where no file is, all are training data; where some
    are, the others are left out. A single file is training data whatever its name.

    Raises ValueError where a name stands for several splits, where there is no training split, and
    where the files belong to several datasets.
    """
    root = Path(path)
    if not root.is_dir():
        if not (_is_parquet(root) and root.is_file()):
            raise ValueError(f"{path} is neither a {_SUFFIX} file nor a folder of them")
        is_other = bool(splits_in(root.stem) - {"train"})
        note = f"{root.name} is read as training data, because it is given alone"
        return ParquetFiles({"train": [root]}, (note,) if is_other else ())
    files = [file for file in read_tree(root, depth=_DEPTH).files if _is_parquet(file)]
    if not files:
        raise ValueError(f"{path} has no {_SUFFIX} files")
    split_of = {file: _split_of(path, file) for file in files}
    named = {file: split for file, split in split_of.items() if split is not None}
    others = [file for file in files if file not in named]
    _require_one_dataset(path, list(named or files))
    if not named:
        return ParquetFiles(
            {"train": [root / file for file in files]},
            (f"no file is named after a split: {first_of(files)} are training data",)
            if len(files) > 1
            else (),
        )
    found = in_order(set(named.values()))
    if "train" not in found:
        raise ValueError(
            f"{path} has no training split: found {', '.join(found)} ({first_of(list(named))})"
            + (f" and {first_of(others)}, named after no split" if others else "")
            + "; name the files to train on train-*.parquet, or give one file alone"
        )
    splits = {s: [file for file, split in named.items() if split == s] for s in found}
    for split, of_split in splits.items():
        _require_one_table(path, split, of_split)
    notes = [f"{split} from {first_of(of_split, 1)}" for split, of_split in splits.items()]
    if others:
        notes.append(
            f"left out {count(len(others), 'file')} named after no split: {first_of(others)}"
        )
    return ParquetFiles(
        {split: [root / file for file in of_split] for split, of_split in splits.items()},
        tuple(notes),
    )


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == _SUFFIX


def _split_of(path: str, file: Path) -> str | None:
    splits = splits_in(_without_parts(file.stem))
    folders = {split for folder in file.parent.parts for split in splits_in(folder)}
    if len(splits | folders) > 1:
        raise ValueError(
            f"{path}: {file} may be of the splits {', '.join(in_order(splits | folders))}; rename "
            "it, or give the files of one dataset in a folder of their own"
        )
    return next(iter(splits | folders), None)


def _require_one_dataset(path: str, files: Sequence[Path]) -> None:
    """Refuse files whose folders differ in more than the split."""
    folders: dict[tuple[str, ...], Path] = {}
    for file in files:
        parts = [_without_split(part) for part in file.parent.parts if part.lower() != "data"]
        folders[tuple(part for part in parts if part)] = file.parent
    if len(folders) > 1:
        raise ValueError(
            f"{path} has {_SUFFIX} files in several folders; give one of them: "
            f"{first_of(sorted(folders.values()), 10)}"
        )


def _require_one_table(path: str, split: str, files: Sequence[Path]) -> None:
    """Refuse files of one split whose names differ in more than numbers: cifar10, cifar100."""
    tables: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        tables[_without_split(_without_parts(file.stem))].append(file)
    if len(tables) > 1:
        examples = first_of([of_table[0] for of_table in tables.values()], 6)
        raise ValueError(
            f"{path} has {len(tables)} sets of files of the {split} split: {examples}; give one of "
            "them a folder of its own"
        )


def _without_parts(stem: str) -> str:
    """The name without what numbers the parts of one table."""
    words = re.split(r"[-_. ]+", _UUID.sub("", stem))
    return "-".join(word for word in words if word and not _PART.fullmatch(word))


def _without_split(name: str) -> str:
    """The name without the words that stand for a split."""
    words = re.split(r"[-_. ]+", name)
    return "-".join(word for word in words if word and split_of_folder(word) is None)
