"""Where the IDX files of MNIST and its look-alikes are, as their publishers name them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from thinset.data.sources.file_tree import FileTree, read_tree
from thinset.data.sources.input_files import require_split_folder
from thinset.data.sources.listing import first_of
from thinset.data.sources.split_names import split_of_folder

# train-images-idx3-ubyte, train-images.idx3-ubyte, emnist-letters-train-images-idx3-ubyte.gz, ...
_NAME = re.compile(
    r"(?:(?P<set>.+?)[-_])??(?P<split>train|t10k|test)[-_](?P<part>images|labels)"
    r"[-._]idx(?P<rank>\d)[-._](?P<kind>ubyte|int)(?P<gz>\.gz)?",
    re.IGNORECASE,
)
_DEPTH = 3  # folders: MNIST/raw, or a folder for each file as some archives unpack
_SPLITS = {"train": "train", "t10k": "test", "test": "test"}


@dataclass
class IdxFiles:
    """The files of one dataset: its name from the file names, "" for MNIST's own names.

    `parts` are the files by (split, "images" or "labels"); `others` those of other datasets.
    """

    folder: Path
    name: str
    parts: dict[tuple[str, str], Path] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits whose images are there."""
        return tuple(split for split in ("train", "test") if (split, "images") in self.parts)

    def require(self, split: str, part: str) -> Path:
        """The file of a part; FileNotFoundError if it is missing."""
        if (split, part) not in self.parts:
            prefix = f"{self.name}-" if self.name else ""
            own = "train" if split == "train" else "test" if self.name else "t10k"
            rank = 3 if part == "images" else 1
            raise FileNotFoundError(
                f"{self.folder} has no {prefix}{own}-{part}-idx{rank}-ubyte or .gz of it"
            )
        return self.parts[split, part]

    def __str__(self) -> str:
        images = next(iter(self.parts[split, "images"] for split in self.splits))
        return str(images if self.name else self.folder)


def find_idx(path: str) -> IdxFiles | None:
    """The one dataset at `path`: a folder, a folder not far above it, or one of its files.

    None if there is none. Raises ValueError, listing them, where there are several.
    """
    root = Path(path)
    if not root.is_dir():
        match = _NAME.fullmatch(root.name)
        if match is None or not root.is_file():
            return None
        name = (match["set"] or "").lower()
        found = _datasets(root.parent, [Path(entry.name) for entry in root.parent.iterdir()])
        return next((files for files in found if files.name == name), None)
    tree = read_tree(root, depth=_DEPTH)
    entries = [*tree.files, *tree.dangling, *tree.special, *_folders_without_files(tree)]
    datasets = [files for files in _datasets(root, entries) if files.splits]
    nearest = min((len(files.folder.parts) for files in datasets), default=0)
    datasets = [files for files in datasets if len(files.folder.parts) == nearest]
    if len(datasets) > 1:
        raise ValueError(
            f"{path} has {len(datasets)} datasets of IDX files; give one of them: "
            f"{first_of(datasets, 10)}"
        )
    if not datasets:
        return None
    found_in = {part.parent for part in datasets[0].parts.values()}
    datasets[0].others = sorted(
        root / entry
        for entry in entries
        if _NAME.fullmatch(entry.name) and (root / entry).parent not in found_in
    )
    for entry in (*tree.dangling, *tree.special):
        if split_of_folder(entry.name) is not None:
            require_split_folder(root / entry)
    return datasets[0]


def _folders_without_files(tree: FileTree) -> list[Path]:
    """Folders under the name of a file that do not hold that file, as some archives unpack."""
    holding = {file.parent for file in tree.files if _NAME.fullmatch(file.name)}
    return [folder for folder in tree.folders if folder not in holding]


def _datasets(root: Path, files: list[Path]) -> list[IdxFiles]:
    found: dict[tuple[Path, str], IdxFiles] = {}
    for file in files:
        match = _NAME.fullmatch(file.name)
        if match is None:
            continue
        # Some archives unpack each file into a folder of the same name.
        parent = file.parent.parent if file.parent.name == file.name else file.parent
        key = (parent, (match["set"] or "").lower())
        dataset = found.setdefault(key, IdxFiles(root / parent, key[1]))
        part = (_SPLITS[match["split"].lower()], match["part"].lower())
        # Not compressed is faster, where both are there; less deep is the dataset's own.
        other = dataset.parts.get(part)
        if other is None or (len((root / file).parts), bool(match["gz"])) < (
            len(other.parts),
            other.suffix == ".gz",
        ):
            dataset.parts[part] = root / file
    return [found[key] for key in sorted(found)]
