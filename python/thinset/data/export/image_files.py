"""Chosen files of an image folder: copied, linked or listed, at the same relative paths."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from thinset.data.export.chosen import no_such_ids
from thinset.data.export.outputs import new_file, new_folder
from thinset.data.sources.file_tree import read_tree
from thinset.data.sources.image_files import keep_images
from thinset.data.sources.image_folder_layout import find_layout
from thinset.data.sources.image_stream import require_split
from thinset.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thinset.data.export.chosen import By, Chosen
    from thinset.data.export.origin import Imported
    from thinset.data.sources.image_folder_layout import LabelledFile

Link: TypeAlias = Literal["copy", "hard", "symbolic"]


def find_chosen(
    root: Path, chosen: Chosen, by: By, split: str, imported: Imported | None = None
) -> list[Path]:
    """The chosen files, relative to `root`, in selection order.

    By rows: a row number counts the images of the split in the order of `import_dataset`, or the
    samples of the dataset `imported` from there. By ids: an id is the path of an image: relative to
    `root`, absolute, or relative to the current folder. Raises ValueError for rows and ids that
    `root` does not have.
    """
    if by == "ids":
        return _of_ids(root, chosen.ids or [])
    labelled = _splits(root, split)[split]
    where, rows = f"the {split} split of {root}", np.arange(len(labelled))
    if imported is not None:
        where = str(imported.path)
        rows = imported.kept(len(labelled), [label for _, label in labelled])
    return [labelled[row][0] for row in rows[chosen.rows_of(len(rows), where)].tolist()]


def split_files(root: Path, split: str) -> list[Path]:
    """The images of a split in the order of `import_dataset`, relative to `root`."""
    return [file for file, _ in _splits(root, split)[split]]


def files_of_other_splits(root: Path, split: str) -> list[Path]:
    """The images of every split but this one."""
    splits = _splits(root, split).items()
    return [file for name, files in splits if name != split for file, _ in files]


def _splits(root: Path, split: str) -> Mapping[str, list[LabelledFile]]:
    images, _ = keep_images(root, read_tree(root).files)
    splits = find_layout(str(root), images).splits
    require_split(split, list(splits), str(root))
    return splits


def write_files(
    root: Path,
    files: Sequence[Path],
    out: Path,
    chosen: Chosen,
    *,
    link: Link,
    overwrite: bool,
    show_progress: bool,
    others: Sequence[Path] = (),
) -> None:
    """Make the folder `out` with `files` of `root` at the same relative paths.

    others: further files, beside the chosen ones. Raises ValueError for two files that the file
    system cannot tell apart, and OSError, naming the file, for one that cannot be copied or linked.
    """
    with (
        new_folder(out, [root], overwrite=overwrite, form="files", chosen=chosen) as (
            folder,
            names,
        ),
        ProgressBar("files", len(files) + len(others), unit="files", enabled=show_progress) as bar,
    ):
        made = {Path()}
        for file in (*files, *others):
            _make_folders(folder, file, made)
            _put(root / file, folder / file, file, link)
            names.append(file.as_posix())
            bar.update(1)


def write_paths(root: Path, files: Sequence[Path], out: Path, *, overwrite: bool) -> None:
    """Write the absolute paths of `files`, one a line, as the file `out`."""
    base = Path(os.path.abspath(root))  # noqa: PTH100 - keeps links as they are
    with new_file(out, [root], overwrite=overwrite) as partial, open(partial, "wb") as lines:
        for file in files:
            path = os.fsencode(base / file)
            if b"\n" in path or b"\r" in path:
                raise ValueError(
                    f"{str(base / file)!r} has a line break in its name, which a list of lines "
                    "cannot hold; rename the file, or write form 'files'"
                )
            lines.write(path + b"\n")


def _of_ids(root: Path, ids: Sequence[str]) -> list[Path]:
    known = {file.as_posix(): file for file in read_tree(root).files}
    base = os.path.abspath(root)  # noqa: PTH100 - keeps links as they are
    found, missing = [], []
    for name in ids:
        # The path in the folder, or else one from the current folder or from the root.
        absolute = os.path.abspath(name)  # noqa: PTH100
        inside = os.path.relpath(absolute, base) if "\0" not in name else ""
        file = known.get(name) or known.get(os.path.normpath(name)) or known.get(inside)
        if file is None:
            missing.append(name)
        else:
            found.append(file)
    if missing:
        raise ValueError(no_such_ids(missing, str(root)))
    twice = [file for file, n_times in Counter(found).items() if n_times > 1]
    if twice:
        raise ValueError(f"two ids name the file {twice[0]}; remove one of them")
    return found


def _make_folders(folder: Path, file: Path, made: set[Path]) -> None:
    for parent in reversed(file.parents):
        if parent not in made:
            try:
                (folder / parent).mkdir()
            except FileExistsError:
                raise ValueError(_same_name(parent)) from None
            made.add(parent)


def _put(source: Path, target: Path, file: Path, link: Link) -> None:
    if os.path.lexists(target):
        raise ValueError(_same_name(file))
    if link == "symbolic":
        target.symlink_to(os.path.abspath(source))  # noqa: PTH100 - a link to a link stays one
    elif link == "hard":
        try:
            os.link(os.path.realpath(source), target)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}: no hard link can be made here; use --link copy or symbolic",
                str(source),
            ) from error
    else:
        shutil.copy2(source, target)


def _same_name(file: Path) -> str:
    return (
        f"the file system of the output cannot tell {file} from another file or folder of the "
        "source (upper and lower case, or two spellings of one letter); rename one of them, or "
        "choose an output on another file system"
    )
