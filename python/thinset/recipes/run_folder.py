"""The folder of a run: what lies where, and whether it belongs to these settings."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from thinset.atomic_files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class RunFolder:
    """Paths inside the folder of a run, and the seconds that its finished stages took.

    settings.json holds everything that decides the results, and `notes` for the record, which are
    those of the last call. A folder that exists is gone on with if its settings are the same.
    Raises ValueError where they are not, naming the first that differs, and FileExistsError where
    the folder holds something else.
    """

    def __init__(
        self, path: Path, settings: dict[str, Any], *, notes: dict[str, Any] | None = None
    ) -> None:
        self.path = path
        stored = path / "settings.json"
        if stored.exists():
            _require_equal(path, _without_notes(stored), settings)
        elif path.exists() and any(path.iterdir()):
            raise FileExistsError(f"{path} is not empty and holds no run; choose another output")
        write_json(stored, {**settings, "notes": notes or {}})

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def test_split(self) -> Path:
        """Training and test data, where the source had no test data of its own."""
        return self.path / "split"

    @property
    def encoder(self) -> Path:
        return self.path / "encoder"

    @property
    def embeddings(self) -> Path:
        return self.path / "embeddings"

    @property
    def records(self) -> Path:
        return self.path / "records"

    @property
    def report(self) -> Path:
        return self.path / "report"

    def checkpoint(self, name: str) -> Path:
        return self.path / "checkpoints" / f"{name}.safetensors"

    def selection(self, name: str) -> Path:
        return self.path / "selections" / f"{name}.npz"

    def subset(self, name: str) -> Path:
        return self.path / "subsets" / name

    def record(self, name: str) -> Path:
        return self.records / f"{name}.json"

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Seconds of the stages finished so far, by name, in order."""
        seconds: dict[str, float] = _read_or_empty(self.path / "stages.json")
        return seconds

    def add_stage_seconds(self, name: str, seconds: float) -> None:
        write_json(self.path / "stages.json", {**self.stage_seconds, name: seconds})

    @property
    def left_out(self) -> dict[str, str]:
        """Trainings that could not be made, by the name of their record, and why."""
        reasons: dict[str, str] = _read_or_empty(self.path / "left_out.json")
        return reasons

    def left_out_of(self, names: Iterable[str]) -> dict[str, str]:
        reasons = self.left_out
        return {name: reasons[name] for name in names if name in reasons}

    def leave_out(self, name: str, reason: str) -> None:
        """Remember that the training `name` cannot be made; its checkpoint goes."""
        write_json(self.path / "left_out.json", {**self.left_out, name: reason})
        self.checkpoint(name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the block; a stage that fails is not counted."""
        start = time.monotonic()
        yield
        self.add_stage_seconds(name, time.monotonic() - start)


def identity_of(source: str, device: str, image_size: tuple[int, int] | None) -> dict[str, Any]:
    """What a run folder keeps of where its data come from; no image size leaves no entry."""
    size = {} if image_size is None else {"image_size": list(image_size)}
    return {"source": source, "device": device, **size}


def image_size_of(stored: dict[str, Any]) -> tuple[int, int] | None:
    """The image size among stored settings; ValueError where it is not two positive integers."""
    size = stored.get("image_size")
    if size is None:
        return None
    if not (
        isinstance(size, list)
        and len(size) == 2
        and all(isinstance(side, int) and side > 0 for side in size)
    ):
        raise ValueError(f"image_size must be [height, width] in settings.json, got {size!r}")
    return size[0], size[1]


def read_settings(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings and notes of the run in the folder `path`; ValueError where it holds none."""
    stored = path / "settings.json"
    try:
        settings: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} holds no run: there is no settings.json") from None
    if not {"source", "device", "settings", "notes"} <= set(settings):
        raise ValueError(f"{stored} is not the settings of a run")
    notes: dict[str, Any] = settings.pop("notes")
    return settings, notes


def _read_or_empty(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _without_notes(stored: Path) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
    settings.pop("notes", None)
    return settings


def _require_equal(path: Path, stored: Any, settings: Any, where: str = "") -> None:
    if isinstance(stored, dict) and isinstance(settings, dict):
        for key in {**stored, **settings}:
            name = f"{where}.{key}" if where else key
            _require_equal(path, stored.get(key), settings.get(key), name)
        return
    # Through JSON and back: tuples have become lists.
    if stored != json.loads(json.dumps(settings)):
        raise ValueError(
            f"{path} holds a run with other settings: {where} is {stored!r} there and {settings!r} "
            "here; choose another output"
        )
