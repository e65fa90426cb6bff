"""The record in a folder of exported samples: what was chosen, and which files thinset wrote."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinset.data.manifest import as_json
from thinset.files.atomic import first_entry
from thinset.files.json import read_json, write_json_with_digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thinset.data.export.chosen import Chosen

RECORD_FILE = ".thinset-subset.json"
"""Hidden, so that readers of image folders and of parquet folders pass it over."""

_FORMAT = "thinset-subset"
_VERSION = 1


def write_record(
    folder: Path, form: str, source: str, chosen: Chosen, files: Iterable[str]
) -> None:
    """Write the record; files: relative to the folder, for images in selection order."""
    content: dict[str, Any] = {
        "format": _FORMAT,
        "version": _VERSION,
        "form": form,
        "source": source,
        "n_samples": len(chosen),
        "n_total": chosen.n_total,
        "method": chosen.method,
        "params": as_json(chosen.params),
        "files": list(files),
    }
    write_json_with_digest(folder / RECORD_FILE, content)


def foreign_to_subset(folder: Path) -> str | None:
    """The first entry below `folder` that no export wrote; None if there is none."""
    try:
        content = read_json(folder / RECORD_FILE)
        own = set(content["files"]) if content["format"] == _FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        own = None
    if own is None:
        return first_entry(folder)
    own.add(RECORD_FILE)
    with_files = {parent.as_posix() for name in own for parent in Path(name).parents}
    for path, folders, files in os.walk(folder):
        base = Path(path).relative_to(folder)
        for name in sorted((*folders, *files)):
            entry = (base / name).as_posix()
            is_folder = name in folders and not Path(path, name).is_symlink()
            if entry not in (with_files if is_folder else own):
                return entry
    return None


def files_below(folder: Path) -> list[str]:
    """Every file below `folder`, relative to it, sorted."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
