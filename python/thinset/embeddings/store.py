"""Embedding matrices on disk: embeddings.npy, and embeddings.json that says what they are of."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.atomic_files import atomic_file, write_json
from thinset.data.npy_file import NpyFileWriter
from thinset.embeddings.describe import row_chunks
from thinset.overlap import require_apart

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

FORMAT = "thinset-embeddings"
VERSION = 1


def fingerprint(matrix: np.ndarray[Any, Any]) -> str:
    """SHA-256 of the shape, type and values of an array, which is read in pieces."""
    digest = hashlib.sha256(f"{matrix.dtype} {matrix.shape}\n".encode())
    for chunk in row_chunks(matrix):
        digest.update(np.ascontiguousarray(chunk).tobytes())
    return digest.hexdigest()


def require_output_apart(out: str | os.PathLike[str], *inputs: Any) -> None:
    """Raise ValueError where embeddings in the folder `out` would overwrite one of `inputs`."""
    for name in ("embeddings.npy", "embeddings.json"):
        require_apart(Path(out) / name, *inputs)


def stored_embeddings(
    out: str | os.PathLike[str], identity: dict[str, Any]
) -> np.memmap[Any, np.dtype[np.float32]] | None:
    """Map the embeddings in the folder `out`; None unless there are some of this `identity`.

    `identity` is JSON-able and says what was embedded by what. A description that cannot be read
    counts as none: embeddings can always be computed again.
    """
    out = Path(out)
    try:
        description = json.loads((out / "embeddings.json").read_text(encoding="utf-8"))
        header = {name: description[name] for name in ("format", "version", "identity")}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    if header != {"format": FORMAT, "version": VERSION, "identity": identity}:
        return None
    return _map(out / "embeddings.npy")


def write_embeddings(
    out: str | os.PathLike[str],
    batches: Iterable[np.ndarray[Any, Any]],
    *,
    n_samples: int,
    identity: dict[str, Any],
    facts: dict[str, Any] | None = None,
) -> np.memmap[Any, np.dtype[np.float32]]:
    """Stream batches of rows (b, D), `n_samples` in all, to the folder `out` as float32.

    Gives back the matrix (N, D), mapped read-only. `facts` are JSON-able figures kept beside it.
    Raises ValueError for a row with NaN or infinity and for too many or too few rows; what was
    there before then stays as it was.
    """
    out = Path(out)
    with atomic_file(out / "embeddings.npy") as partial:
        n_dimensions = _write_rows(partial, batches, n_samples)
        # Killed after this, there is a matrix that nothing describes: it is computed again.
        (out / "embeddings.json").unlink(missing_ok=True)
    description = {
        "format": FORMAT,
        "version": VERSION,
        "n_samples": n_samples,
        "n_dimensions": n_dimensions,
        "identity": identity,
        **(facts or {}),
    }
    write_json(out / "embeddings.json", description)
    return _map(out / "embeddings.npy")


def _write_rows(path: Path, batches: Iterable[np.ndarray[Any, Any]], n_samples: int) -> int:
    rows = iter(batches)
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{n_samples} rows of embeddings were expected, 0 came")
    n_dimensions = int(first.shape[1])
    n_written = 0
    # Written by ordinary calls: through a map, a full disk would kill the process.
    with NpyFileWriter(path, "float32", (n_samples, n_dimensions)) as writer:
        for batch in itertools.chain([first], rows):
            if n_written + len(batch) > n_samples:
                raise ValueError(f"more than the expected {n_samples} rows of embeddings came")
            # Infinity is what a value that is too large for float32 becomes.
            with np.errstate(over="ignore"):
                values = np.asarray(batch, np.float32)
            finite = np.isfinite(values).all(axis=1)
            if not finite.all():
                row = n_written + int(np.argmin(finite))
                raise ValueError(f"embeddings must be finite, row {row} holds NaN or infinity")
            writer.append(values)
            n_written += len(values)
    if n_written != n_samples:
        raise ValueError(f"{n_samples} rows of embeddings were expected, {n_written} came")
    return n_dimensions


def _map(path: Path) -> np.memmap[Any, np.dtype[np.float32]]:
    matrix: np.memmap[Any, np.dtype[np.float32]] = np.load(path, mmap_mode="r")
    return matrix
