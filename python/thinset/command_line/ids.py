"""Files of ids: one for each sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thinset.files.regular import read_text, require_regular

if TYPE_CHECKING:
    from pathlib import Path


def read_ids(path: Path) -> list[str]:
    """The ids in a .npy file of texts or integers, or in the lines of a text file.

    Raises ValueError, naming the file, for any other content and for an empty line.
    """
    if path.suffix == ".npy":
        return _of_npy(path)
    lines = read_text(path).split("\n")
    if lines[-1] == "":
        lines.pop()
    ids = [line.removesuffix("\r") for line in lines]
    if "" in ids:
        raise ValueError(f"{path}, line {ids.index('') + 1} is empty, but each line is an id")
    if not ids:
        raise ValueError(f"{path} holds no ids")
    return ids


def _of_npy(path: Path) -> list[str]:
    require_regular(path)
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is damaged or no .npy file of ids: {error}") from error
    if array.ndim != 1 or array.dtype.kind not in "USiu":
        raise ValueError(
            f"{path} must hold texts or integers in one dimension, got {array.dtype} of shape "
            f"{array.shape}"
        )
    return [value.decode() if isinstance(value, bytes) else str(value) for value in array.tolist()]
