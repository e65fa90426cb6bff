"""The folder of a distributed selection: what was asked, the shards, the decisions, the result.

manifest.json: the request, and every shard with its rows, size and SHA-256. state.npz: the
decisions after a round. selection.npz: the result. report.json: rounds, bytes and seconds. All are
written atomically, without pickle.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.distributed.failures import ShardChangedError
from thinset.distributed.held_rows import sha256_of
from thinset.files.atomic import atomic_file
from thinset.files.folder_lock import lock_folder
from thinset.files.json import read_json, write_json_with_digest
from thinset.files.regular import open_regular
from thinset.selection.npz_file import read_npz
from thinset.selection.result import Selection

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from thinset.distributed.engine import Traffic
    from thinset.distributed.shards import ShardList

_FORMAT = "thinset-distributed"
_VERSION = 1


class RunFolder:
    """One process writes into it; another one is refused while that runs.

    every: seconds between two checkpoints.
    """

    def __init__(self, folder: str | os.PathLike[str], every: float) -> None:
        self.path = Path(folder)
        self._lock = lock_folder(self.path)
        self._every = every
        self._saved_at = time.monotonic()

    def begin(self, request: Mapping[str, Any], shards: ShardList, digests: Sequence[str]) -> None:
        """Write the manifest, or compare with the one that is there.

        digests: SHA-256 of each shard, or "" where none was computed: it is if the file has been
            written since.

        Raises ValueError if the folder holds another selection, ShardChangedError if it is of other
        shards.
        """
        content: dict[str, Any] = {
            "format": _FORMAT,
            "version": _VERSION,
            "request": dict(request),
            "shards": [
                {
                    "name": shard.name,
                    "n_rows": shard.n_rows,
                    "bytes": shard.size,
                    "modified_ns": shard.modified,
                    "digest": digest,
                }
                for shard, digest in zip(shards.shards, digests, strict=True)
            ],
        }
        file = self.path / "manifest.json"
        if not file.exists():
            self._require_nothing_else()
            write_json_with_digest(file, content)
            return
        found = read_json(file)
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise ValueError(f"{file} is not the manifest of a distributed selection")
        if found.get("version") != _VERSION or not _are_shards(found.get("shards")):
            raise ValueError(
                f"{file} is of another version of thinset, or damaged; choose another folder, or "
                "remove this one"
            )
        _require_same_request(self.path, found.get("request"), content["request"])
        _require_same_shards(found["shards"], content["shards"])

    def _require_nothing_else(self) -> None:
        """Raise ValueError if there are other files: only a manifest says what they belong to."""
        for name in ("state.npz", "selection.npz"):
            if (self.path / name).exists():
                raise ValueError(
                    f"{self.path} holds {name}, but no manifest.json that says which selection it "
                    "is of; choose another folder, or remove the file"
                )

    def state(self) -> dict[str, NDArray[Any]] | None:
        """The last checkpoint, or None; ValueError if it is damaged."""
        file = self.path / "state.npz"
        if not file.exists():
            return None
        try:
            (text,) = read_npz(file, "description")
            description = json.loads(str(text))
            names = [str(name) for name in description["names"]]
            arrays = dict(zip(names, read_npz(file, *names), strict=True))
            is_whole = _digest(arrays) == description["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file} is damaged: {error}; remove it to start again") from error
        if not is_whole:
            raise ValueError(
                f"{file} is damaged: its content does not match its SHA-256; remove it to start "
                "again"
            )
        return arrays

    def save(self, state: Mapping[str, NDArray[Any]], *, at_once: bool = False) -> None:
        """Write a checkpoint; only `at_once` if the last one is recent."""
        if not at_once and time.monotonic() - self._saved_at < self._every:
            return
        description = {"names": list(state), "sha256": _digest(state)}
        content = io.BytesIO()
        arrays: dict[str, Any] = {
            name: np.asarray(array, order="C") for name, array in state.items()
        }
        arrays |= {"description": np.array(json.dumps(description))}
        np.savez(content, **arrays)
        with atomic_file(self.path / "state.npz") as partial:
            partial.write_bytes(content.getbuffer())
        self._saved_at = time.monotonic()

    def finished(self) -> bytes | None:
        """The file of the result, if the run has ended; ValueError if it is damaged."""
        file = self.path / "selection.npz"
        if not file.exists():
            return None
        try:
            Selection.load(file)
        except ValueError as error:
            raise ValueError(f"{error}; remove the file to select again") from error
        with open_regular(file) as opened:
            return opened.read()

    def finish(self, selection: Selection, traffic: Traffic, engine: str) -> None:
        """Write the result; the checkpoint is no longer needed."""
        seconds = traffic.seconds
        report = {
            "engine": engine,
            "rounds": traffic.rounds,
            "bytes_sent": traffic.bytes_sent,
            "bytes_received": traffic.bytes_received,
            "workers_replaced": traffic.replaced,
            "seconds": sum(seconds),
            "seconds_of_longest_round": max(seconds, default=0.0),
        }
        write_json_with_digest(self.path / "report.json", report)
        selection.save(self.path / "selection.npz")
        (self.path / "state.npz").unlink(missing_ok=True)


def _require_same_request(folder: Path, found: Any, wanted: Mapping[str, Any]) -> None:
    # As JSON reads it back.
    wanted = json.loads(json.dumps(wanted))
    if not isinstance(found, dict):
        raise ValueError(f"{folder / 'manifest.json'} states no request")
    # What is another method's has other options as well.
    for name in ["method", "rounds", *sorted({*found, *wanted})]:
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{folder} holds another selection: {name} is {found.get(name)!r} there, "
                f"{wanted.get(name)!r} now; choose another folder, or remove this one"
            )


def _are_shards(found: Any) -> bool:
    keys = {"name", "n_rows", "bytes", "modified_ns", "digest"}
    return isinstance(found, list) and all(
        isinstance(shard, dict) and keys <= shard.keys() for shard in found
    )


def _require_same_shards(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    if len(found) != len(wanted):
        raise ShardChangedError(
            f"the selection in this folder is of {len(found)} shards, now there are {len(wanted)}; "
            "start a new one in another folder"
        )
    for before, now in zip(found, wanted, strict=True):
        _require_same_shard(before, now)


def _require_same_shard(before: Mapping[str, Any], now: dict[str, Any]) -> None:
    if not now["digest"] and now["bytes"] and before["modified_ns"] != now["modified_ns"]:
        now["digest"] = sha256_of(now["name"])
    # With digests, a file may have been copied or touched meanwhile.
    has_digests = before["digest"] and now["digest"]
    for key in ("name", "n_rows", "bytes", "digest" if has_digests else "modified_ns"):
        if before[key] != now[key]:
            raise ShardChangedError(
                f"{now['name']} is not the shard that the selection in this folder is of: {key} "
                f"was {before[key]!r}, now it is {now[key]!r}; start a new one in another folder"
            )


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
