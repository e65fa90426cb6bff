"""Rows of embeddings kept while the rest is computed, for a call that is interrupted."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.npy_file import NpyFileWriter, file_digest, open_npy
from thinset.files.atomic import atomic_file
from thinset.files.json import read_json, write_json_with_digest

if TYPE_CHECKING:
    import os

KEPT_AFTER_SECONDS = 30.0
"""Rows are kept after so many seconds of work; an interruption loses at most these"""
_MOST_BYTES = 1 << 26
_FOLDER = "unfinished"


class UnfinishedRows:
    """Consecutive rows from the first on, in pieces, in a folder inside `out`.

    Rows of another `identity`, and damaged ones, are removed. `stored`: pieces (n, D), float32,
    that earlier calls computed. `seconds`: the time that they took.
    """

    def __init__(self, out: str | os.PathLike[str], identity: dict[str, Any]) -> None:
        self._folder = Path(out) / _FOLDER
        text = json.dumps(identity, sort_keys=True)
        self._identity = hashlib.sha256(text.encode()).hexdigest()
        self.stored: list[np.ndarray[Any, Any]] = []
        self.seconds = 0.0
        self._read()
        self.n_rows = sum(map(len, self.stored))
        self._pending: list[np.ndarray[Any, Any]] = []
        self._since = time.monotonic()

    def append(self, rows: np.ndarray[Any, Any]) -> None:
        """Add the next rows; they are written when enough work has gone into them."""
        self._pending.append(np.asarray(rows, np.float32))
        is_large = sum(part.nbytes for part in self._pending) >= _MOST_BYTES
        if time.monotonic() - self._since >= KEPT_AFTER_SECONDS or is_large:
            self._write(np.concatenate(self._pending))
            self._pending = []
            self._since = time.monotonic()

    def remove(self) -> None:
        """Remove all rows: they are finished."""
        self.stored = []
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> None:
        first = 0
        while True:
            matrix, description = self._paths(first)
            try:
                content = read_json(description)
                if content["identity"] != self._identity:
                    break
                if content["matrix_sha256"] != file_digest(matrix):
                    break
                rows = open_npy(matrix)
                self.seconds += float(content["seconds"])
            except (OSError, ValueError, KeyError, TypeError):
                break
            self.stored.append(rows)
            first += len(rows)
        if not self.stored:
            self.remove()

    def _write(self, rows: np.ndarray[Any, Any]) -> None:
        matrix, description = self._paths(self.n_rows)
        self._folder.mkdir(parents=True, exist_ok=True)
        description.unlink(missing_ok=True)
        with atomic_file(matrix) as partial, NpyFileWriter(partial, "float32", rows.shape) as file:
            file.append(rows)
        content = {
            "identity": self._identity,
            "matrix_sha256": file.entry().sha256,
            "seconds": time.monotonic() - self._since,
        }
        write_json_with_digest(description, content)
        self.n_rows += len(rows)

    def _paths(self, first: int) -> tuple[Path, Path]:
        name = f"{first:012}"
        return self._folder / f"{name}.npy", self._folder / f"{name}.json"
