"""The folder of a run: the paths of its parts, and the check of its settings."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any, TypeAlias

from thinset.data.sources.digits import DIGITS
from thinset.experiments.cells import as_file_name
from thinset.experiments.settings_v1 import with_added_settings
from thinset.files.folder_lock import LOCK_FILE, lock_folder
from thinset.files.json import read_json, write_json_with_digest
from thinset.files.overlap import require_not_above
from thinset.results.arm import Arm
from thinset.results.records import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SECONDS_SUFFIX = ".seconds.json"
INPUTS_FILE = "inputs.json"
"""Fingerprints of the data, by name, that lie outside of the folder"""

# The settings that each part of the folder depends on. A part stays valid if settings of later
# parts change.
_PREPARED = {
    "data", "split", "parts", "variant", "decoded", "photographs.parquet", "encoder", "embeddings",
    "generators", "classifier.safetensors", "stages.json", INPUTS_FILE,
}  # fmt: skip
_DECIDES_PREPARED = {
    "source", "image_size", "device", "encoder", "hold_out", "on_validation", "from_encoded",
    "photograph_side", "variant", "validation", "share", "split_seed", "generation",
}  # fmt: skip
# Parts that are made in seconds, and what each is made from.
_OF_DATA = {"source", "image_size"}
_OF_SPLIT = {*_OF_DATA, "hold_out", "on_validation"}
_OF_PARTS = {*_OF_SPLIT, "validation", "share", "split_seed"}
_OF_SET = {*_OF_DATA, "set", "read"}
_QUICKLY_MADE = {
    "data": _OF_DATA,
    "split": _OF_SPLIT,
    "parts": _OF_PARTS,
    "set": _OF_SET,
    INPUTS_FILE: {*_OF_PARTS, *_OF_SET, "data", "test", "subset"},
}
_INPUTS = ("source", "data", "test", "subset", "set")  # paths among the settings
_OF_EXPERIMENTS = {"source", "device", "image_size", "settings", "notes"}
_OTHER_COMMANDS = (
    ("probe", "probe", "probe.json"),
    ("set", "distill evaluate", "audit.json"),
    ("images_per_class", "distill", "dataset"),
    ("data", "train", "record.json"),
    ("encoder", "embed", "embeddings"),
    ("length", "augment train", "generator.safetensors"),
)
"""Commands whose folders have no page: a setting that they store, in this order, and a result"""
_SELECTED = {"selections", "subsets"}
_DECIDES_SELECTED = {"arm", "size", "seeds"}


class RunFolder:
    """Paths inside the folder of a run, and the seconds that its finished stages took.

    settings.json holds everything that decides the results, and the `notes` of the last call for
    the record. An existing folder is resumed if its settings are the same, or if nothing in it
    depends on the settings that differ. A failed run therefore does not block its folder. The
    folder is locked while the object exists: two processes would mix their results. Raises
    ValueError if the settings do not match, naming the first that differs, and if the folder is an
    input or contains one; FileExistsError if the folder holds anything else; BlockingIOError if
    another process uses it.
    """

    def __init__(
        self, path: Path, settings: dict[str, Any], *, notes: dict[str, Any] | None = None
    ) -> None:
        self.path = path
        inputs = (settings.get(name) for name in _INPUTS)
        require_not_above(path, *(name for name in inputs if name not in (None, DIGITS)))
        stored = path / "settings.json"
        places = (path.absolute(), *path.absolute().parents)
        self._made_here = [place for place in places if not place.exists()]
        self._is_begun_here = not stored.exists()
        _require_own(path)  # first, so that no lock is put into a folder of anything else
        self._lock = lock_folder(path)
        _require_own(path)
        if stored.exists():
            earlier = with_added_settings(_without_notes(stored), settings)
            found = list(differences(earlier, settings))
            if found:
                _require_independent(path, found)
                # The log belongs to a training with other settings, which no longer exists.
                (path / "log.jsonl").unlink(missing_ok=True)
            _require_same_figure(stored, notes or {})
        write_json_with_digest(stored, {**settings, "notes": notes or {}})

    @contextlib.contextmanager
    def removed_if_refused(self) -> Iterator[None]:
        """Remove the folder if this call began it and the block raises ValueError or OSError.

        For the checks before the first training, some of which need the imported data.
        """
        try:
            yield
        except (ValueError, OSError):
            if self._is_begun_here:
                with contextlib.suppress(OSError):
                    for part in list(self.path.iterdir()):
                        _remove(part)
                    for place in self._made_here:
                        place.rmdir()
            raise

    def require_unchanged(
        self, name: str, fingerprint: str, *, until_prepared: bool = False
    ) -> None:
        """Remember the content of an input that lies outside of the folder.

        Raises ValueError if the input had other content in an earlier call: trainings of the two
        would be mixed. `until_prepared`: unless the folder holds nothing but data and embeddings,
        which the caller makes again.
        """
        file = self.path / INPUTS_FILE
        known = read_inputs(file)
        is_known = known.get(name) == fingerprint
        if name in known and not is_known and not (until_prepared and self._is_only_prepared()):
            raise ValueError(
                f"{name} has changed since {self.path} was begun with it; choose another output"
            )
        if not is_known:
            write_json_with_digest(file, {**known, name: fingerprint})

    def _is_only_prepared(self) -> bool:
        return _made_in(self.path) <= _PREPARED

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def test_split(self) -> Path:
        """Training and test data, if the source had no test data."""
        return self.path / "split"

    @property
    def parts(self) -> Path:
        """The training and validation data that were chosen from the training data."""
        return self.path / "parts"

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
        return read_stages(self.path)

    def add_stage_seconds(self, name: str, seconds: float) -> None:
        write_json_with_digest(self.path / "stages.json", {**self.stage_seconds, name: seconds})

    @contextlib.contextmanager
    def making(self, result: Path, stage: str) -> Iterator[Path]:
        """Yield a temporary path of the same name; on a clean exit it is moved to `result`.

        The seconds of the block are those of `stage`. They are stored before the result, so a kill
        at any moment leaves no result with unknown seconds.
        """
        workplace = result.with_name(f".{result.name}.making")
        _remove(workplace)
        workplace.mkdir(parents=True)
        start = time.monotonic()
        try:
            yield workplace / result.name
            seconds = time.monotonic() - start
            write_json_with_digest(_seconds_file(result), {stage: seconds})
            _remove(result)
            (workplace / result.name).replace(result)
        finally:
            _remove(workplace)
        self.add_stage_seconds(stage, seconds)

    def is_made(self, result: Path, stage: str) -> bool:
        """Whether `result` exists and its seconds are known; a kill may have prevented that."""
        if not result.exists():
            return False
        return self.know_seconds(stage, _stored_seconds(_seconds_file(result), stage))

    def know_seconds(self, stage: str, seconds: float | None) -> bool:
        """Store the seconds of a finished `stage` if needed; return whether they are known."""
        if stage in self.stage_seconds:
            return True
        if seconds is None:
            return False
        self.add_stage_seconds(stage, seconds)
        return True

    @property
    def left_out(self) -> dict[str, str]:
        """The skipped trainings, by the name of their record, and why."""
        return read_left_out(self.path)

    def left_out_of(self, names: Iterable[str]) -> dict[str, str]:
        reasons = self.left_out
        return {name: reasons[name] for name in names if name in reasons}

    def leave_out(self, name: str, reason: str) -> None:
        """Record that the training `name` is skipped, and remove its checkpoint."""
        write_json_with_digest(self.path / "left_out.json", {**self.left_out, name: reason})
        self.checkpoint(name).unlink(missing_ok=True)


def finished_records(path: Path, names: Iterable[str]) -> dict[str, RunRecord]:
    """The existing records among `names` in the folder `path`, ordered by name.

    Earlier versions named a record by its arm as typed; such files are found too.
    """
    names = tuple(names)
    files = {name: path / "records" / f"{name}.json" for name in names}
    if not all(file.exists() for file in files.values()):
        files = {**_old_files(path), **{n: file for n, file in files.items() if file.exists()}}
    return {name: RunRecord.load(files[name]) for name in names if name in files}


def _old_files(path: Path) -> dict[str, Path]:
    """Records of version 1, by their current name."""
    files = {}
    for file in sorted((path / "records").glob("*.json")):
        content = _read_object(file)
        if content.get("version") == 1 and isinstance(content.get("method"), str):
            old, new = (
                as_file_name(f"{arm}-")
                for arm in (content["method"], str(Arm.recorded(content["method"])))
            )
            files[file.stem.replace(f"-{old}", f"-{new}", 1)] = file
    return {name: file for name, file in files.items() if file.exists()}


def read_settings(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings and notes of the run in the folder `path`; ValueError if it holds none."""
    stored = path / "settings.json"
    try:
        settings = _read_object(stored)
    except FileNotFoundError:
        raise ValueError(f"{path} is not the folder of a run: it has no settings.json") from None
    _require_experiment(path, set(settings))
    if not {"source", "device", "settings", "notes"} <= set(settings):
        raise ValueError(f"{stored} is not the settings of a run")
    notes = settings.pop("notes")
    for name, value, kind in (
        ("source", settings["source"], str),
        ("device", settings["device"], str),
        ("settings", settings["settings"], dict),
        ("notes", notes, dict),
        ("notes.command", notes.get("command", "") if isinstance(notes, dict) else "", str),
        ("notes.figure", notes.get("figure", "") if isinstance(notes, dict) else "", str),
        ("notes.grid", notes.get("grid", {}) if isinstance(notes, dict) else {}, dict),
    ):
        if not isinstance(value, kind):
            raise ValueError(f"{stored}: {name} must be a JSON {kind.__name__}, got {value!r}")
    if settings["device"] not in ("auto", "cpu", "cuda"):
        raise ValueError(f"{stored}: device must be auto, cpu or cuda, got {settings['device']!r}")
    return settings, notes


def _require_experiment(path: Path, names: set[str]) -> None:
    """Refuse the folder of a command that is no experiment, by the settings that it alone has."""
    for name, command, results in _OTHER_COMMANDS:
        if name in names and not names <= _OF_EXPERIMENTS:
            raise ValueError(
                f"{path} is the folder of `thinset {command}`, which has no page; its results are "
                f"in {path / results}. Give the folder of run, demo, compare, plan, probe or "
                "reproduce"
            )


def read_settings_object(stored: Path) -> dict[str, Any]:
    """The content of a settings.json of any command; ValueError if it is damaged."""
    settings = _read_object(stored)
    if not isinstance(settings.get("notes"), dict):
        raise ValueError(f"{stored} is not the settings of a run: it has no notes")
    return settings


def read_stages(path: Path) -> dict[str, float]:
    """The seconds of finished stages in the folder `path`; ValueError if they are damaged."""
    stages = _read_object(path / "stages.json", missing={})
    for name, seconds in stages.items():
        if not _is_seconds(seconds):
            raise ValueError(
                f"{path / 'stages.json'}: {name!r} must be a number of seconds, got {seconds!r}"
            )
    return stages


def read_left_out(path: Path) -> dict[str, str]:
    """The skipped trainings in the folder `path`, and why; ValueError if the file is damaged."""
    reasons = _read_object(path / "left_out.json", missing={})
    for name, reason in reasons.items():
        if not isinstance(reason, str):
            raise ValueError(
                f"{path / 'left_out.json'}: {name!r} must be a reason in words, got {reason!r}"
            )
    return reasons


def read_inputs(file: Path) -> dict[str, str]:
    """Fingerprints of inputs by name; ValueError if the file is damaged."""
    inputs = _read_object(file, missing={})
    for name, fingerprint in inputs.items():
        if not isinstance(fingerprint, str):
            raise ValueError(f"{file}: {name!r} must be a text, got {fingerprint!r}")
    return inputs


def _require_own(path: Path) -> None:
    """Refuse a folder that holds anything but a run."""
    if not (path / "settings.json").exists() and _holds_something(path):
        raise FileExistsError(
            f"{path} is not empty and is not the folder of a run; choose another output"
        )


def _require_same_figure(stored: Path, notes: dict[str, Any]) -> None:
    """Refuse a folder that another command or figure has begun."""
    old = _read_object(stored).get("notes")
    begun, here = (n.get("figure") if isinstance(n, dict) else None for n in (old, notes))
    if begun is not None and here is not None and begun != here:
        raise ValueError(
            f"{stored.parent} holds the results of {begun!r}, not of {here!r}; "
            "choose another output"
        )


def verify_seconds(path: Path) -> None:
    """Check a file that holds the seconds of one result; ValueError if it is damaged."""
    for name, seconds in _read_object(path).items():
        if not _is_seconds(seconds):
            raise ValueError(f"{path}: {name!r} must be a number of seconds, got {seconds!r}")


def _read_object(path: Path, missing: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        content = read_json(path)
    except FileNotFoundError:
        if missing is None:
            raise
        return missing
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object, got {type(content).__name__}")
    return content


def _seconds_file(result: Path) -> Path:
    return result.with_name(result.name + SECONDS_SUFFIX)


def _stored_seconds(path: Path, stage: str) -> float | None:
    seconds = _read_object(path, missing={}).get(stage)
    return seconds if _is_seconds(seconds) else None


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _holds_something(path: Path) -> bool:
    # The real path, because "new/../photos" exists only after "new" is made.
    folder = type(path)(os.path.realpath(path))
    return folder.exists() and any(map(_is_content, folder.iterdir()))


def _is_content(path: Path) -> bool:
    """Whether `path` is more than an empty folder, a lock or the leftover of an unfinished file."""
    is_leftover = path.name == LOCK_FILE or (
        path.name.startswith(".") and path.name.endswith((".partial", ".making"))
    )
    return not is_leftover and not (path.is_dir() and not any(path.iterdir()))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _without_notes(stored: Path) -> dict[str, Any]:
    settings = _read_object(stored)
    settings.pop("notes", None)
    return settings


Difference: TypeAlias = "tuple[tuple[str, ...], Any, Any]"


def differences(stored: Any, settings: Any, where: tuple[str, ...] = ()) -> Iterator[Difference]:
    """The settings that differ: the path, the stored value and the value here of each."""
    if isinstance(stored, dict) and isinstance(settings, dict):
        # Settings that most parts depend on come first.
        for name in sorted({**stored, **settings}, key=_rank):
            yield from differences(stored.get(name), settings.get(name), (*where, name))
    # As JSON, where tuples are lists.
    elif json.loads(json.dumps(stored)) != json.loads(json.dumps(settings)):
        yield where, stored, settings


def _rank(name: str) -> int:
    if name in _DECIDES_PREPARED:
        return 0
    return 1 if name in _DECIDES_SELECTED else 2


def _require_independent(path: Path, differences: list[Difference]) -> None:
    """Raise an error if anything in the folder depends on a setting that differs.

    What is made in seconds is removed instead: an unsuitable size of images or an impossible number
    of validation samples may have ended the earlier call.
    """
    where, stored, here = differences[0]
    made = _made_in(path)
    differing = {name for where, *_ in differences for name in where}
    if made <= {*_QUICKLY_MADE, "stages.json"} and not (made and "source" in differing):
        for name in made & set(_QUICKLY_MADE):
            if _QUICKLY_MADE[name] & differing:
                _forget(path, name)
        return
    is_kept = not made or not _DECIDES_PREPARED & set(where)
    if made <= _PREPARED | _SELECTED and is_kept:
        if _DECIDES_SELECTED & set(where):
            # Nothing was trained on it yet, and reselecting takes seconds.
            for name in made & _SELECTED:
                _remove(path / name)
        return
    # Other settings of another model differ because it is another one.
    of_model = (one for one in differences if one[0][-1] == "model")
    where, stored, here = next(of_model, differences[0])
    raise ValueError(
        f"{path} holds a run with other settings: {'.'.join(where)} is {stored!r} there and "
        f"{here!r} here; choose another output, or remove the folder"
    )


def _made_in(path: Path) -> set[str]:
    """Names of what the folder of a run holds besides its settings and logs."""
    return {
        entry.name.removesuffix(SECONDS_SUFFIX)
        for entry in path.iterdir()
        if entry.name not in ("settings.json", "log.jsonl") and _is_content(entry)
    }


def _forget(path: Path, name: str) -> None:
    """Remove a result and its seconds."""
    stages = read_stages(path)
    own = _read_object(_seconds_file(path / name), missing={})
    if own.keys() & stages.keys():
        rest = {stage: seconds for stage, seconds in stages.items() if stage not in own}
        write_json_with_digest(path / "stages.json", rest)
    _remove(path / name)
    _remove(_seconds_file(path / name))
