"""What a file of a saved selection must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

FORMAT = "thinset-selection"
VERSION = 1


def check_saved(
    path: str | os.PathLike[str],
    indices: NDArray[Any],
    gains: NDArray[Any],
    ids: NDArray[Any] | None,
    description: Any,
) -> None:
    """Raise ValueError, naming the file, unless its content is that of a selection, unchanged."""

    def require(condition: bool, constraint: str) -> None:
        if not condition:
            raise ValueError(f"{str(path)!r} is not a usable selection: {constraint}")

    require(
        isinstance(description, dict) and description.get("format") == FORMAT,
        f"its description must have the format {FORMAT!r}",
    )
    version = description.get("version")
    require(version == VERSION, f"version must be {VERSION}, got {version!r}")
    expected = {"n_total": int, "method": str, "params": dict, "constant_columns": list}
    for key, kind in {**expected, "objective": dict}.items():
        require(isinstance(description.get(key), kind), f"{key} must be a {kind.__name__}")
    certificates = description.get("certificates", {})
    require(isinstance(certificates, dict), "certificates must be a dict")
    require(
        indices.ndim == 1 and indices.dtype == np.int64,
        f"indices must be 1-D int64, got {indices.dtype} of shape {indices.shape}",
    )
    require(
        gains.shape == indices.shape and gains.dtype == np.float64,
        f"gains must be float64 of shape {indices.shape}, got {gains.dtype} of {gains.shape}",
    )
    n_total = description["n_total"]
    require(0 <= n_total < 2**63, f"n_total must be from 0 to 2**63 - 1, got {n_total}")
    require(
        bool(np.all((indices >= 0) & (indices < n_total))),
        f"indices must be in [0, {n_total})",
    )
    require(len(np.unique(indices)) == len(indices), "indices must be distinct")
    columns = description["constant_columns"]
    require(all(type(column) is int for column in columns), "constant_columns must be integers")
    for key in ("objective", "certificates"):
        figures = description.get(key, {}).values()
        require(all(type(f) in (int, float) for f in figures), f"{key} must hold numbers")
    if ids is not None:
        require(
            ids.shape == indices.shape and ids.dtype.kind in "iuUS",
            f"ids must be integers or text of shape {indices.shape}, got {ids.dtype} of "
            f"{ids.shape}",
        )
    spent = description.get("spent")
    require(spent is None or type(spent) in (int, float), "spent must be a number")
    # Files of earlier versions state no digest.
    digest = description.pop("sha256", None)
    arrays = [indices, gains] if ids is None else [indices, gains, ids]
    require(
        digest is None or digest == digest_of(arrays, description),
        "it has changed since it was written: its content does not match its SHA-256",
    )


def digest_of(arrays: list[NDArray[Any]], description: dict[str, Any]) -> str:
    """SHA-256 of the whole content of a saved selection."""
    import hashlib
    import json

    # In the form that is read back: keys are strings, tuples are lists.
    stored = json.loads(json.dumps(description))
    digest = hashlib.sha256(json.dumps(stored, sort_keys=True).encode())
    for array in arrays:
        # Text has no buffer of its own.
        content = np.ascontiguousarray(array)
        digest.update(content.view(np.uint8).data if content.size else b"")
    return digest.hexdigest()


def short_integer(text: str) -> int:
    # No seed is longer. A longer number can neither be compared with an array nor become a float.
    if len(text) > 300:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)
