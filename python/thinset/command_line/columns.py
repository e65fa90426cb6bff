"""Files with one entry per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset._core import open_npy

if TYPE_CHECKING:
    from pathlib import Path


def read_column(path: Path) -> np.ndarray[Any, Any]:
    """One entry per row: a .npy file, or the lines of any other file as text."""
    if path.suffix == ".npy":
        return open_npy(str(path))
    try:
        return np.array(path.read_text("utf-8").splitlines(), dtype=np.str_)
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' must be a .npy file or lines of UTF-8 text: {error}") from None
