"""What may be replaced with `overwrite`: folders in which everything was written by thinset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from thinset.data.manifest import MANIFEST_FILE, Manifest
from thinset.data.splits import SPLITS
from thinset.files.partial import PARTIAL

if TYPE_CHECKING:
    from pathlib import Path


def foreign_to_dataset(folder: Path) -> str | None:
    """The first entry of `folder` that is not of a dataset folder; None if there is none.

    A dataset folder has a manifest and the files that it names, or nothing at all.
    """
    names = sorted(path.name for path in folder.iterdir())
    try:
        own = {MANIFEST_FILE, *(entry.file for entry in Manifest.load(folder).arrays.values())}
    except (OSError, ValueError):
        own = set()
    for name in names:
        path = folder / name
        is_own = name in own and path.is_file() and not path.is_symlink()
        if not is_own and not _is_partial_of(name, own):
            return name
    return None


def foreign_to_import(folder: Path) -> str | None:
    """As `foreign_to_dataset`, for a folder whose folders train, validation and test are such."""
    if (folder / MANIFEST_FILE).exists():
        return foreign_to_dataset(folder)
    for path in sorted(folder.iterdir()):
        if path.name not in SPLITS or path.is_symlink() or not path.is_dir():
            return path.name
        foreign = foreign_to_dataset(path)
        if foreign is not None:
            return f"{path.name}/{foreign}"
    return None


def _is_partial_of(name: str, own: set[str]) -> bool:
    form = rf"\.(.+)\.[A-Za-z0-9_]{{6,8}}{re.escape(PARTIAL)}"
    match = re.fullmatch(form, name)
    return match is not None and match[1] in own
