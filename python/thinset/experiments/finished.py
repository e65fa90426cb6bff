"""Reading the folder of a finished run, without torch: reports need nothing that trains."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data import open_dataset
from thinset.data.npy_file import open_npy
from thinset.files.atomic import atomic_file
from thinset.files.json import read_json, write_json_with_digest
from thinset.report import Reproductions
from thinset.results.records import RunRecord
from thinset.selection.npz_file import read_npz

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thinset.data import Dataset
    from thinset.experiments.settings import EncoderSettings

FACTS_FILE = "embedding_facts.json"
REPRODUCTIONS_FILE = "reproductions.npz"
_REPRODUCTIONS = ("inputs", "embeddings", "outputs")


def finished_training_data(source: str, path: Path) -> Dataset:
    """The training data of the run in the folder `path`; FileNotFoundError where there are none."""
    # What the run has made goes first: it may have resized or split its source.
    places = (
        path / "variant",
        path / "split" / "train",
        path / "data" / "train",
        Path(source),
        Path(source) / "train",
    )
    for place in places:
        if (place / "manifest.json").exists():
            return open_dataset(place)
    raise FileNotFoundError(f"{path} holds no finished training and no training data; run it first")


def finished_embeddings(path: Path, settings: EncoderSettings) -> np.ndarray[Any, Any]:
    """The embedding matrix of the run in the folder `path`."""
    if settings.kind == "given" and settings.path is not None:
        return open_npy(settings.path)
    return open_npy(path / "embeddings" / "embeddings.npy")


def finished_records(names: Iterable[str], path: Path) -> tuple[RunRecord, ...]:
    """Those records in the folder `path` that are there, in the order of their names."""
    files = (path / "records" / f"{name}.json" for name in names)
    return tuple(RunRecord.load(file) for file in files if file.exists())


def store_shown(path: Path, facts: dict[str, Any], reproductions: Reproductions | None) -> None:
    """Keep in the folder `path` what a report shows of embeddings and of the autoencoder."""
    write_json_with_digest(path / FACTS_FILE, facts)
    if reproductions is not None:
        # In memory first: where a disk is full, an archive that is half written cannot be closed.
        content = io.BytesIO()
        np.savez(content, **{name: getattr(reproductions, name) for name in _REPRODUCTIONS})
        with atomic_file(path / REPRODUCTIONS_FILE) as partial:
            partial.write_bytes(content.getbuffer())


def stored_facts(path: Path) -> dict[str, Any] | None:
    """What `store_shown` kept of the embeddings; None in folders of earlier versions."""
    file = path / FACTS_FILE
    if not file.exists():
        return None
    facts = read_json(file)
    if not isinstance(facts, dict):
        raise ValueError(f"{file} must hold a JSON object, got {type(facts).__name__}")
    return facts


def stored_reproductions(path: Path) -> Reproductions | None:
    """What `store_shown` kept of the autoencoder; None where there is nothing."""
    file = path / REPRODUCTIONS_FILE
    if not file.exists():
        return None
    try:
        return Reproductions(*read_npz(file, *_REPRODUCTIONS))
    except ValueError as error:
        raise ValueError(f"{file} is damaged: {error}") from error
