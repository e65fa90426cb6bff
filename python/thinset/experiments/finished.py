"""Reads the folder of an experiment without torch, for pages."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from thinset.data import open_dataset
from thinset.data.npy_file import open_npy
from thinset.data.splits import source_name
from thinset.experiments.run_folder import (
    finished_records,
    read_left_out,
    read_settings,
    read_stages,
)
from thinset.experiments.settings import DataSettings
from thinset.experiments.settings_v1 import upgraded_settings
from thinset.files.atomic import atomic_file
from thinset.files.decoding import decode
from thinset.files.json import read_json, write_json_with_digest
from thinset.report import Reconstructions
from thinset.selection import Selection
from thinset.selection.npz_file import read_npz

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from thinset.data import Dataset
    from thinset.results import RunRecord

FACTS_FILE = "embedding_facts.json"
RECONSTRUCTIONS_FILE = "reconstructions.npz"
OLD_RECONSTRUCTIONS_FILE = "reproductions.npz"
_RECONSTRUCTIONS = ("inputs", "embeddings", "outputs")

S_co = TypeVar("S_co", bound=DataSettings, covariant=True)


@dataclass(frozen=True)
class Finished(Generic[S_co]):
    """The results in an experiment's folder, read on first access.

    Missing parts raise FileNotFoundError, damaged ones ValueError.
    """

    path: Path
    settings: S_co
    source: str
    command: str

    @classmethod
    def read(cls, out: str | os.PathLike[str], kind: type[S_co]) -> Finished[S_co]:
        """Read the settings of the experiment in the folder `out`."""
        path = Path(out)
        stored, notes = read_settings(path)
        table = upgraded_settings({**stored["settings"], **notes.get("grid", {})})
        settings = decode(table, kind, str(path / "settings.json"))
        return cls(path, settings, stored["source"], notes.get("command", ""))

    @property
    def report(self) -> Path:
        return self.path / "report"

    @cached_property
    def data(self) -> Dataset:
        """The training data."""
        # The experiment's own data come first: it may have resized or split its source.
        places = (
            self.path / "variant",
            self.path / "parts" / "train",
            self.path / "split" / "train",
            self.path / "data" / "train",
            Path(self.source),
            Path(self.source) / "train",
        )
        for place in places:
            if (place / "manifest.json").exists():
                return open_dataset(place)
        raise FileNotFoundError(
            f"{self.path} has no finished training and no training data; run the experiment first"
        )

    @property
    def subject(self) -> str:
        """The training data, in words."""
        height, width, channels = self.data.image_shape
        return (
            f"{source_name(self.data.name)}: {len(self.data):,} training samples, "
            f"{height} \N{MULTIPLICATION SIGN} {width} \N{MULTIPLICATION SIGN} {channels}"
        )

    @property
    def embeddings(self) -> np.ndarray[Any, Any]:
        """The embedding matrix."""
        return open_npy(self.embeddings_file)

    @property
    def embeddings_file(self) -> Path:
        """The file of the embedding matrix, which may not exist yet."""
        encoder = self.settings.encoder
        if encoder.kind == "given" and encoder.path is not None:
            return Path(encoder.path)
        return self.path / "embeddings" / "embeddings.npy"

    def records(self, names: Iterable[str]) -> tuple[RunRecord, ...]:
        """The existing records, ordered by name; at least one."""
        records = tuple(self.records_by_name(names).values())
        if not records:
            raise FileNotFoundError(
                f"{self.path} has no finished training; run the experiment first"
            )
        return records

    def records_by_name(self, names: Iterable[str]) -> dict[str, RunRecord]:
        """The existing records, ordered by name."""
        return finished_records(self.path, names)

    def left_out(self, names: Iterable[str]) -> dict[str, str]:
        """The skipped trainings among `names`, and why."""
        reasons = read_left_out(self.path)
        return {name: reasons[name] for name in names if name in reasons}

    @property
    def stage_seconds(self) -> dict[str, float]:
        return read_stages(self.path)

    def selection(self, *names: str) -> Selection:
        """The selection of the first of these names that exists."""
        return Selection.load(self.selection_file(*names))

    def selection_file(self, *names: str) -> Path:
        """The file of the first of these selections that exists; else that of the first name."""
        files = [self.path / "selections" / f"{name}.npz" for name in names]
        return next((file for file in files if file.exists()), files[0])

    @property
    def embedding_facts(self) -> dict[str, Any] | None:
        return stored_facts(self.path)

    @property
    def reconstructions(self) -> Reconstructions | None:
        return stored_reconstructions(self.path)


def figure_of(out: str | os.PathLike[str]) -> str:
    """The name of the recipe of the experiment in the folder `out`."""
    _, notes = read_settings(Path(out))
    return notes.get("figure") or "run"


def store_shown(path: Path, facts: dict[str, Any], shown: Reconstructions | None) -> None:
    """Store what a page shows of the embeddings and the autoencoder in the folder `path`."""
    write_json_with_digest(path / FACTS_FILE, facts)
    if shown is not None:
        # In memory first: on a full disk, a half-written archive cannot be closed.
        content = io.BytesIO()
        np.savez(content, **{name: getattr(shown, name) for name in _RECONSTRUCTIONS})
        with atomic_file(path / RECONSTRUCTIONS_FILE) as partial:
            partial.write_bytes(content.getbuffer())


def stored_facts(path: Path) -> dict[str, Any] | None:
    """What `store_shown` kept of the embeddings; None in folders of earlier versions."""
    file = path / FACTS_FILE
    if not file.exists():
        return None
    return decode(read_json(file), dict[str, Any], str(file))


def stored_reconstructions(path: Path) -> Reconstructions | None:
    """What `store_shown` kept of the autoencoder; None if there is nothing."""
    for file in (path / RECONSTRUCTIONS_FILE, path / OLD_RECONSTRUCTIONS_FILE):
        if file.exists():
            try:
                return Reconstructions(*read_npz(file, *_RECONSTRUCTIONS))
            except ValueError as error:
                raise ValueError(f"{file} is damaged: {error}") from error
    return None
