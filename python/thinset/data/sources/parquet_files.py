"""Which parquet files of a folder belong to which split."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from thinset.data.sources.file_tree import FileTree, read_tree
from thinset.data.sources.input_files import require_input_file, require_split_folder
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

# train-00000-of-00005, with a hash behind it or not.
_SHARD = re.compile(
    r"(?P<name>.*?)(?P<number>\d+)[-_]of[-_](?P<total>\d+)(?:[-_.].*)?", re.IGNORECASE
)


class ParquetFiles(NamedTuple):
    """The files of each split, and what there is to say about the choice."""

    splits: Mapping[str, list[Path]]
    notes: tuple[str, ...]


def has_parquet(path: str) -> bool:
    """Whether `path` is a .parquet file, or a folder with one not more than three folders deep."""
    root = Path(path)
    if root.is_dir():
        tree = read_tree(root, depth=_DEPTH)
        return any(map(_is_parquet, (*tree.files, *tree.dangling, *tree.special)))
    return _is_parquet(root) and root.is_file()


def find_parquet(path: str) -> ParquetFiles:
    """Divide the files by the splits in their names, or in those of their folders.

    train-00000-of-00005, train_0, mnist_train, test and data/train-0 are named after a split, and
    so are train/0000 and default/train/0000. Where no file is, all are training data; where some
    are, the others are left out. A single file is training data whatever its name.

    Raises ValueError if a name matches several splits, if there is no training split, and where the
    files belong to several datasets.
    """
    root = Path(path)
    if not root.is_dir():
        if not (_is_parquet(root) and root.is_file()):
            raise ValueError(f"{path} is neither a {_SUFFIX} file nor a folder of them")
        notes = []
        if splits_in(root.stem) - {"train"}:
            notes.append(f"{root.name} is read as training data, because it is given alone")
        shard = _SHARD.fullmatch(root.stem)
        if shard is not None and int(shard["total"]) > 1:
            notes.append(f"{root.name} is one of {int(shard['total'])} shards; it is read alone")
        return ParquetFiles({"train": [root]}, tuple(notes))
    tree = read_tree(root, depth=_DEPTH)
    _require_regular_files(root, tree)
    files = [file for file in tree.files if _is_parquet(file)]
    if not files:
        raise ValueError(f"{path} has no {_SUFFIX} files")
    split_of = {file: _split_of(path, file) for file in files}
    named = {file: split for file, split in split_of.items() if split is not None}
    others = [file for file in files if file not in named]
    _require_one_dataset(path, list(named or files))
    _require_all_shards(root, list(named or files))
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


def _require_regular_files(root: Path, tree: FileTree) -> None:
    """Refuse files and folders of splits that are links to nothing, pipes, devices or folders."""
    for entry in sorted((*tree.dangling, *tree.special)):
        if _is_parquet(entry):
            require_input_file(root / entry)
        elif split_of_folder(entry.name) is not None:
            require_split_folder(root / entry)
    # Some programs write one table as a folder of files, and name the folder after the format.
    with_files = {folder for file in tree.files if _is_parquet(file) for folder in file.parents}
    for folder in tree.folders:
        if _is_parquet(folder) and folder not in with_files:
            require_input_file(root / folder)


def _require_all_shards(root: Path, files: Sequence[Path]) -> None:
    """Refuse shards NAME-00000-of-00003 where one of the number that they state is missing."""
    shards: dict[tuple[Path, str], dict[str, dict[int, str]]] = defaultdict(dict)
    for file in files:
        match = _SHARD.fullmatch(file.stem)
        if match is not None:
            of_total = shards[file.parent, match["name"]].setdefault(match["total"], {})
            of_total[int(match["number"])] = match["number"]
    for (folder, name), by_total in shards.items():
        if len(by_total) > 1:
            totals = " and ".join(f"of {total}" for total in sorted(by_total))
            raise ValueError(
                f"{root / folder} has shards {name}* {totals}; move those of one set elsewhere"
            )
        for total, found in by_total.items():
            first = int(0 not in found and int(total) in found)  # some number them from 1
            width = len(next(iter(found.values())))
            for number in range(first, first + int(total)):
                if number not in found:
                    missing = f"{name}{number:0{width}}-of-{total}"
                    raise ValueError(
                        f"{root / folder / missing}{_SUFFIX} is missing: {len(found)} of "
                        f"{int(total)} shards are there; fetch it, or give single files"
                    )


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
    """The name without the words that name a split."""
    words = re.split(r"[-_. ]+", name)
    return "-".join(word for word in words if word and split_of_folder(word) is None)
