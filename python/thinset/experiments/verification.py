"""Checks that the content of a folder is unchanged since it was written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.data import verify_dataset
from thinset.data.manifest import MANIFEST_FILE
from thinset.experiments.finished import (
    FACTS_FILE,
    OLD_RECONSTRUCTIONS_FILE,
    RECONSTRUCTIONS_FILE,
    stored_facts,
    stored_reconstructions,
)
from thinset.experiments.run_folder import (
    INPUTS_FILE,
    SECONDS_SUFFIX,
    read_inputs,
    read_left_out,
    read_settings_object,
    read_stages,
    verify_seconds,
)
from thinset.experiments.shown_generators import (
    EXTRACTOR_FILE,
    stored_extractor,
    stored_grid,
    stored_training,
)
from thinset.experiments.shown_generators import FOLDER as GENERATORS
from thinset.files.json import read_json
from thinset.files.regular import require_regular
from thinset.results import Plan, RunRecord, load_records
from thinset.results.audit import FILE as AUDIT_FILE
from thinset.results.audit import Audit
from thinset.results.measures import FILE as MEASURES_FILE
from thinset.results.measures import load_measures
from thinset.results.probe import FILE as PROBE_FILE
from thinset.results.probe import Probe
from thinset.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

_ARRAYS = {"images.npy", "labels.npy"}
_WEIGHTS = ("classifier.safetensors", "encoder.safetensors", "generator.safetensors")
_OF_WEIGHTS = ("checkpoints", "teacher", GENERATORS)


def verify(path: Path) -> int:
    """Check all files of thinset at `path`, a file or a folder; returns the number of parts.

    Raises FileNotFoundError if `path` does not exist, and ValueError naming the first part that is
    damaged or has changed since it was written.
    """
    _require_no_dangling_link(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if not path.is_dir():
        require_regular(path)
        check = _check_of(path)
        if check is None:
            RunRecord.load(path)  # by its content, whatever its name
        else:
            check(path)
        return 1
    n_checked = 0
    # Links are not followed, because they may form cycles; hidden folders hold unfinished work.
    for folder, names, files in os.walk(path):
        names[:] = sorted(name for name in names if not name.startswith("."))
        _require_manifest(Path(folder), {*names, *files}, files)
        for name in sorted(files):
            _require_no_dangling_link(Path(folder, name))
            check = _check_of(Path(folder, name))
            if check is not None:
                check(Path(folder, name))
                n_checked += 1
    return n_checked


def _require_manifest(folder: Path, entries: set[str], files: list[str]) -> None:
    """Refuse the arrays of a dataset folder without the manifest that describes them."""
    arrays = sorted(entries & _ARRAYS)
    if arrays and MANIFEST_FILE not in files:
        what = "which is a folder" if MANIFEST_FILE in entries else "which is missing"
        raise ValueError(
            f"{folder} holds {arrays[0]}, but cannot be verified without its {MANIFEST_FILE}, "
            f"{what}; restore it, or import the arrays again with `thinset data import`"
        )


def _require_no_dangling_link(path: Path) -> None:
    # Editors leave hidden files.
    if path.is_symlink() and not path.exists() and not path.name.startswith("."):
        raise ValueError(f"{path} is a broken link; restore its target, or remove it")


def _check_of(path: Path) -> Callable[[Path], object] | None:
    """The check of a file; None if it is not a file of thinset, or is part of another."""
    by_name: dict[str, Callable[[Path], object]] = {
        "manifest.json": lambda file: verify_dataset(file.parent),
        "embeddings.json": _verify_embeddings,
        "encoder.json": _verify_encoder,
        "settings.json": read_settings_object,
        "stages.json": lambda file: read_stages(file.parent),
        INPUTS_FILE: read_inputs,
        "left_out.json": lambda file: read_left_out(file.parent),
        "plan.json": Plan.load,
        PROBE_FILE: Probe.load,
        "record.json": RunRecord.load,
        "records.json": load_records,
        FACTS_FILE: lambda file: stored_facts(file.parent),
        RECONSTRUCTIONS_FILE: lambda file: stored_reconstructions(file.parent),
        OLD_RECONSTRUCTIONS_FILE: lambda file: stored_reconstructions(file.parent),
        MEASURES_FILE: load_measures,
        AUDIT_FILE: Audit.load,
        EXTRACTOR_FILE: lambda file: stored_extractor(file.parent),
    }
    if path.name in by_name:
        return by_name[path.name]
    if path.name.endswith(SECONDS_SUFFIX):
        return verify_seconds
    if path.suffix == ".json" and path.parent.name in ("scores", "teacher"):
        return read_json  # of an audit
    if path.suffix == ".json" and path.parent.name == "records":
        return RunRecord.load
    if path.parent.name == GENERATORS and path.suffix in (".json", ".npz"):
        return stored_training if path.suffix == ".json" else stored_grid
    if path.suffix == ".npz":
        return Selection.load
    is_own = path.parent.name in _OF_WEIGHTS or path.name in _WEIGHTS
    return _verify_tensors if path.suffix == ".safetensors" and is_own else None


def _verify_embeddings(description: Path) -> None:
    from thinset.embeddings.store import verify_embeddings

    verify_embeddings(description.parent)


def _verify_encoder(description: Path) -> None:
    from thinset.embeddings import load_autoencoder

    read_json(description)
    load_autoencoder(description.parent)


def _verify_tensors(path: Path) -> None:
    from thinset.training.loop.checkpoint import read_tensors

    read_tensors(path)
