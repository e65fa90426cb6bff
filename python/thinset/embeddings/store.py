"""Embedding matrices on disk: embeddings.npy, described by embeddings.json."""

from __future__ import annotations

import hashlib
import itertools
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.npy_file import NpyFileWriter, file_digest, open_npy
from thinset.embeddings.describe import row_chunks
from thinset.files.atomic import atomic_file
from thinset.files.json import read_json, write_json_with_digest
from thinset.files.overlap import require_apart

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import TypeAlias

    from thinset.data.manifest import ArrayEntry

    Matrix: TypeAlias = np.memmap[Any, np.dtype[np.float32]]

FORMAT = "thinset-embeddings"
VERSION = 1
MATRIX_FILE = "embeddings.npy"
DESCRIPTION_FILE = "embeddings.json"


def fingerprint(matrix: np.ndarray[Any, Any]) -> str:
    """SHA-256 of the shape, type and values of an array, which is read in pieces."""
    digest = hashlib.sha256(f"{matrix.dtype} {matrix.shape}\n".encode())
    for chunk in row_chunks(matrix):
        digest.update(np.ascontiguousarray(chunk).tobytes())
    return digest.hexdigest()


def require_output_apart(out: str | os.PathLike[str], *inputs: Any) -> None:
    """Raise ValueError if embeddings in the folder `out` would overwrite one of `inputs`."""
    for name in (MATRIX_FILE, DESCRIPTION_FILE):
        require_apart(Path(out) / name, *inputs)


def stored_embeddings(
    out: str | os.PathLike[str], identity: dict[str, Any], n_samples: int
) -> Matrix | None:
    """Map the embeddings in the folder `out`; None unless they are `n_samples` of this `identity`.

    `identity` is JSON-able and describes the data and the encoder. An unreadable description, or a
    matrix that does not match it, counts as none, because embeddings can be recomputed. A matrix
    that does not match causes a warning.
    """
    out = Path(out)
    try:
        description = read_json(out / DESCRIPTION_FILE)
        header = {name: description[name] for name in ("format", "version", "identity")}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    if header != {"format": FORMAT, "version": VERSION, "identity": identity}:
        return None
    try:
        matrix = _described_matrix(out, {**description, "n_samples": n_samples})
    except (OSError, ValueError) as error:
        warnings.warn(f"{error}; recomputing the embeddings", stacklevel=2)
        return None
    return matrix


def seconds_of_embeddings(out: str | os.PathLike[str]) -> float | None:
    """Seconds that computing the embeddings in the folder `out` took; None if unknown."""
    try:
        seconds = read_json(Path(out) / DESCRIPTION_FILE)["seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(seconds) if isinstance(seconds, int | float) else None


def verify_embeddings(out: str | os.PathLike[str]) -> None:
    """Read the embeddings in the folder `out` and compare them with their description.

    Raises FileNotFoundError if a file is missing, and ValueError, naming the file, if it is damaged
    or has changed since it was written. Descriptions of earlier versions have no digest; for those,
    only type and shape are checked.
    """
    out = Path(out)
    description = read_json(out / DESCRIPTION_FILE)
    found = description if isinstance(description, dict) else {}
    if (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise ValueError(f"{out / DESCRIPTION_FILE} must be {FORMAT} version {VERSION}")
    _described_matrix(out, found)
    expected = found.get("matrix_sha256")
    actual = file_digest(out / MATRIX_FILE)
    if expected not in (None, actual):
        raise ValueError(
            f"{out / MATRIX_FILE} has changed since it was written: SHA-256 {actual}, but "
            f"{DESCRIPTION_FILE} says {expected}"
        )


def write_embeddings(
    out: str | os.PathLike[str],
    batches: Iterable[np.ndarray[Any, Any]],
    *,
    n_samples: int,
    identity: dict[str, Any],
    facts: dict[str, Any] | None = None,
    began: float | None = None,
) -> Matrix:
    """Stream batches of rows (b, D), `n_samples` in all, to the folder `out` as float32.

    Returns the matrix (N, D), mapped read-only. `facts` are JSON-able figures stored beside it,
    with the seconds since `began`, a value of time.monotonic. Raises ValueError for a row with NaN
    or infinity and for too many or too few rows; existing files then stay unchanged.
    """
    out = Path(out)
    began = time.monotonic() if began is None else began
    with atomic_file(out / MATRIX_FILE) as partial:
        entry = _write_rows(partial, batches, n_samples)
        # If killed after this, the matrix has no description and is recomputed.
        (out / DESCRIPTION_FILE).unlink(missing_ok=True)
    description = {
        "format": FORMAT,
        "version": VERSION,
        "n_samples": n_samples,
        "n_dimensions": entry.shape[1],
        "identity": identity,
        "matrix_sha256": entry.sha256,
        "seconds": time.monotonic() - began,
        **(facts or {}),
    }
    write_json_with_digest(out / DESCRIPTION_FILE, description)
    return open_npy(out / MATRIX_FILE)


def _write_rows(path: Path, batches: Iterable[np.ndarray[Any, Any]], n_samples: int) -> ArrayEntry:
    rows = iter(batches)
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{n_samples} rows of embeddings were expected, got 0")
    n_written = 0
    # Written by ordinary calls: with a memory map, a full disk would kill the process.
    with NpyFileWriter(path, "float32", (n_samples, first.shape[1])) as writer:
        for batch in itertools.chain([first], rows):
            if n_written + len(batch) > n_samples:
                raise ValueError(f"got more than the expected {n_samples} rows of embeddings")
            # A value that is too large for float32 becomes infinity.
            with np.errstate(over="ignore"):
                values = np.asarray(batch, np.float32)
            finite = np.isfinite(values).all(axis=1)
            if not finite.all():
                row = n_written + int(np.argmin(finite))
                raise ValueError(
                    f"embeddings must be finite, but row {row} contains NaN or infinity"
                )
            writer.append(values)
            n_written += len(values)
    if n_written != n_samples:
        raise ValueError(f"{n_samples} rows of embeddings were expected, got {n_written}")
    return writer.entry()


def _described_matrix(out: Path, description: dict[str, Any]) -> Matrix:
    path = out / MATRIX_FILE
    matrix = open_npy(path)
    expected = (description.get("n_samples"), description.get("n_dimensions"))
    if matrix.shape != expected or matrix.dtype != np.float32:
        raise ValueError(
            f"{path} holds {matrix.dtype} of shape {matrix.shape} instead of float32 of shape "
            f"{expected}"
        )
    return matrix
