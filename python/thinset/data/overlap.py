"""An output never overwrites its input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os


def require_apart(out: str | os.PathLike[str], source: str | os.PathLike[str]) -> None:
    """Raise ValueError where writing the folder `out` would replace `source` or a folder above it.

    Links are followed. `out` may lie inside a source folder.
    """
    target, origin = Path(out).resolve(), Path(source).resolve()
    if target == origin or target in origin.parents:
        raise ValueError(f"the output {out} would replace its own source {source}")
