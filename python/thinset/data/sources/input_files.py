"""Files that a source reads because of their names: they must be regular files."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from thinset.files.regular import read_text, require_regular

if TYPE_CHECKING:
    from pathlib import Path


def is_there(path: Path) -> bool:
    """Whether something has this name, if only a link to nothing."""
    return os.path.lexists(path)


def require_input_file(path: Path) -> None:
    """Raise ValueError, naming `path`, unless it is a regular file or a link to one."""
    require_no_dangling_link(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, but must be a file; rename it or move it elsewhere")
    require_regular(path)


def require_split_folder(path: Path) -> None:
    """Raise ValueError if `path`, named after a split, is a link to nothing, pipe or device."""
    require_no_dangling_link(path)
    if not path.is_dir():
        require_regular(path)


def require_no_dangling_link(path: Path) -> None:
    """Raise ValueError if `path` is a link to nothing."""
    if path.is_symlink() and not path.exists():
        raise ValueError(
            f"{path} is a link to nothing; fetch the file that it links to, or remove the link"
        )


def require_no_run_folder(path: Path) -> None:
    """Raise ValueError for the folder of a command, whose images are pictures of its results."""
    stored = path / "settings.json"
    if not stored.is_file():
        return
    try:
        content = json.loads(read_text(stored))
    except (OSError, ValueError, RecursionError):
        return
    if not isinstance(content, dict) or not isinstance(content.get("notes"), dict):
        return
    distilled = path / "dataset"
    has_dataset = (distilled / "manifest.json").is_file()
    hint = f"its dataset folder {distilled}" if has_dataset else "a dataset folder or other images"
    raise ValueError(f"{path} is the folder of a thinset command, not a source; give {hint}")
