from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from thinset.data import (
    ArrayEntry,
    Dataset,
    DistilledBy,
    GeneratedBy,
    ImportedFrom,
    JoinedFrom,
    Manifest,
    Parent,
    ScheduleStep,
    SelectedFrom,
    TrainingSchedule,
)
from thinset.data.provenance import as_provenance

if TYPE_CHECKING:
    from pathlib import Path

    from thinset.data import Provenance

DIGEST = "0" * 64


def valid(version: int = 2) -> dict[str, Any]:
    images = {"file": "images.npy", "dtype": "uint8", "shape": [2, 4, 5, 3], "sha256": DIGEST}
    content = {
        "format": "thinset-dataset",
        "version": version,
        "name": "tiny",
        "n_samples": 2,
        "image_shape": [4, 5, 3],
        "class_names": ["a", "b"],
        "arrays": {
            "images": images,
            "labels": {"file": "labels.npy", "dtype": "int64", "shape": [2], "sha256": DIGEST},
        },
        "provenance": {"kind": "test", "nested": {"x": [1, None]}},
    }
    if version == 1:
        return content
    soft_labels = {"file": "soft.npy", "dtype": "float32", "shape": [2, 2], "sha256": DIGEST}
    steps = [{"rows": [1, 2], "step_size": 0.02}, {"rows": [0, 2], "step_size": 0.01}]
    return {
        **content,
        "arrays": {**content["arrays"], "soft_labels": soft_labels},
        "schedule": {"steps": steps, "repeats": 3},
    }


PROVENANCES: dict[str, Provenance] = {
    "imported": ImportedFrom(
        source="npy", path="x", split="train", size=(3, 4), notes=["left out"]
    ),
    "selected": SelectedFrom(
        parent=Parent("all", 50, DIGEST), method="topk", params={"k": [1]}, dropped=("schedule",)
    ),
    "joined": JoinedFrom(parents=(Parent("a", 3), Parent("b", None, DIGEST))),
    "generated": GeneratedBy(by="cdcgan", model=DIGEST, parent=Parent("all"), seed=3),
    "distilled": DistilledBy(by="unrolled", parent=Parent(n_samples=3), params={"x": {"y": 0.5}}),
}


def changed(path: str, value: Any, version: int = 2) -> dict[str, Any]:
    """The valid manifest with the value at a dotted path replaced."""
    content = valid(version)
    *parents, last = path.split(".")
    place: Any = content
    for key in parents:
        place = place[int(key) if isinstance(place, list) else key]
    place[int(last) if isinstance(place, list) else last] = value
    return content


def write(folder: Path, content: Any) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "manifest.json").write_bytes(text.encode("latin-1"))
    return folder


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_saved_is_what_is_loaded(tmp_path: Path, version: int) -> None:
    manifest = Manifest.load(write(tmp_path, valid(version)))
    (tmp_path / "copy").mkdir()
    manifest.save(tmp_path / "copy")

    content = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    assert len(content.pop("sha256")) == 64
    assert content == valid() if version == 2 else {**valid(1), "version": 2, "schedule": None}
    assert Manifest.load(tmp_path / "copy") == manifest
    assert manifest.arrays["labels"] == ArrayEntry("labels.npy", "int64", (2,), DIGEST)
    assert manifest.class_names == ("a", "b")
    steps = (ScheduleStep((1, 2), 0.02), ScheduleStep((0, 2), 0.01))
    assert manifest.schedule == (None if version == 1 else TrainingSchedule(steps, repeats=3))


@pytest.mark.parametrize("kind", PROVENANCES)
def test_provenance_keeps_its_type(tmp_path: Path, kind: str) -> None:
    manifest = msgspec.structs.replace(
        Manifest.load(write(tmp_path, valid())), provenance=PROVENANCES[kind]
    )
    manifest.save(tmp_path)
    content = json.loads((tmp_path / "manifest.json").read_text())["provenance"]
    assert content["kind"] == kind
    assert Manifest.load(tmp_path).provenance == PROVENANCES[kind]
    assert as_provenance(content) == PROVENANCES[kind]
    # In version 1 it was free, so that whatever stands there is kept as it is.
    (tmp_path / "v1").mkdir()
    for free in (content, {"kind": kind, "by": 5}, {"kind": [kind]}):
        earlier = Manifest.load(write(tmp_path / "v1", changed("provenance", free, version=1)))
        assert earlier.provenance == free


def test_entries_that_are_not_known_are_left_out(tmp_path: Path) -> None:
    assert as_provenance({"kind": "selected", "parent": {}}) == SelectedFrom(parent=Parent())
    manifest = Manifest.load(write(tmp_path, changed("provenance", {})))
    msgspec.structs.replace(manifest, provenance=GeneratedBy(by="vae")).save(tmp_path)
    content = json.loads((tmp_path / "manifest.json").read_text())
    assert content["provenance"] == {"kind": "generated", "by": "vae"}


@pytest.mark.parametrize(
    "free", [{}, {"kind": "someone's own", "by": 5}, {"kind": 3}, {"kind": ["x"]}, {"a": [None]}]
)
def test_provenance_of_other_kinds_is_free(tmp_path: Path, free: dict[str, Any]) -> None:
    manifest = Manifest.load(write(tmp_path, changed("provenance", free)))
    assert manifest.provenance == free
    manifest.save(tmp_path)
    assert Manifest.load(tmp_path) == manifest


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format", "other", "format must be 'thinset-dataset', got 'other'"),
        ("version", 3, "version must be 1 or 2, got 3"),
        ("version", True, "version must be 1 or 2, got True"),
        ("version", [], r"version must be 1 or 2, got \[\]"),
        ("name", 7, "name must be a text, got 7"),
        ("n_samples", 0, r"n_samples must be a whole number from 1 to 2\*\*63 - 1, got 0"),
        ("n_samples", True, "n_samples must be a whole number .*, got True"),
        ("n_samples", 2.0, "n_samples must be a whole number .*, got 2.0"),
        ("n_samples", 2**63, "n_samples must be a whole number .*, got 9223372036854775808"),
        ("n_samples", 3, r"arrays\.images\.shape must be \[3, 4, 5, 3\], got \[2, 4, 5, 3\]"),
        ("image_shape", [4, 5], r"image_shape must be a list of 3, got \[4, 5\]"),
        ("image_shape", [4, 5, 0], r"image_shape\[2\] must be a whole number from 1 .*, got 0"),
        ("image_shape", [4, 5.0, 3], r"image_shape\[1\] must be a whole number .*, got 5.0"),
        ("image_shape", [4, True, 3], r"image_shape\[1\] must be a whole number .*, got True"),
        ("image_shape", 4, "image_shape must be a list of 3, got 4"),
        ("class_names", [1, 2], r"class_names\[0\] must be a text, got 1"),
        ("class_names", "ab", "class_names must be a list or none, got 'ab'"),
        ("provenance", None, "provenance must be a table, got None"),
        ("provenance", [], r"provenance must be a table, got \[\]"),
        ("arrays", [], r"arrays must be a table, got \[\]"),
        ("arrays", {}, "arrays must have the entry 'images'"),
        ("arrays.images", "images.npy", r"arrays\.images must be a table, got 'images.npy'"),
        ("arrays.images.dtype", "int16", r"arrays\.images\.dtype must be uint8 or float32, got"),
        (
            "arrays.images.dtype",
            "object",
            r"arrays\.images: dtype .* plain numpy dtype, got 'object'",
        ),
        ("arrays.images.dtype", "nonsense", "plain numpy dtype, got 'nonsense'"),
        ("arrays.images.dtype", 8, r"arrays\.images\.dtype must be a text, got 8"),
        ("arrays.labels.dtype", "int32", r"arrays\.labels\.dtype must be int64, got 'int32'"),
        ("arrays.labels.shape", [3], r"arrays\.labels\.shape must be \[2\], got \[3\]"),
        (
            "arrays.labels.shape",
            [-2],
            r"arrays\.labels\.shape\[0\] .* from 0 to 2\*\*63 - 1, got -2",
        ),
        ("arrays.labels.shape", [True], r"arrays\.labels\.shape\[0\] must be .*, got True"),
        (
            "arrays.labels.sha256",
            "abc",
            r"arrays\.labels\.sha256 must be 64 hexadecimal digits, got",
        ),
        ("arrays.labels.sha256", DIGEST + "\n", r"sha256 must be 64 hexadecimal digits, got"),
        ("arrays.labels.extra", 1, r"arrays\.labels has no entry 'extra'; it has file, dtype"),
        ("surprise", 1, "has no entry 'surprise'; it has "),
    ],
)
def test_a_field_that_does_not_hold_up_is_named(
    tmp_path: Path, path: str, value: Any, message: str, version: int
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        Manifest.load(write(tmp_path, changed(path, value, version)))
    assert str(tmp_path / "manifest.json") in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("arrays.soft_labels.dtype", "float64", r"arrays\.soft_labels\.dtype must be float32, got"),
        ("arrays.soft_labels.shape", [2, 3], r"arrays\.soft_labels\.shape must be \[2, 2\], got"),
        ("arrays.soft_labels.shape", [3, 2], r"arrays\.soft_labels\.shape must be \[2, 2\], got"),
        (
            "arrays.soft_labels.shape",
            [2],
            r"arrays\.soft_labels\.shape must be \[2, 2\], got \[2\]",
        ),
        (
            "arrays.soft_labels.shape",
            [2, 2, 1],
            r"arrays\.soft_labels\.shape must be \[2, 2\], got",
        ),
        ("class_names", ["a"], r"arrays\.soft_labels\.shape must be \[2, 1\], got \[2, 2\]"),
        ("schedule", [], r"schedule must be a table or none, got \[\]"),
        ("schedule.steps", [], "schedule: steps must hold at least one step"),
        ("schedule.repeats", 0, r"schedule\.repeats must be a whole number from 1 .*, got 0"),
        ("schedule.repeats", True, r"schedule\.repeats must be a whole number .*, got True"),
        ("schedule.other", 1, "schedule has no entry 'other'; it has steps, repeats"),
        ("schedule.steps.1", {}, r"schedule\.steps\[1\] lacks the entry 'rows'"),
        (
            "schedule.steps.1.rows",
            [1],
            r"schedule\.steps\[1\]\.rows must be a list of 2, got \[1\]",
        ),
        ("schedule.steps.1.rows", [-1, 1], r"steps\[1\]\.rows\[0\] must be a whole number from 0"),
        (
            "schedule.steps.1.rows",
            [0, 2**63],
            r"steps\[1\]\.rows\[1\] must be a whole number from 0",
        ),
        (
            "schedule.steps.1.rows",
            [1, 1],
            r"steps\[1\]: rows must be \(start, stop\) .*got \(1, 1\)",
        ),
        (
            "schedule.steps.1.rows",
            [0, 3],
            r"schedule\.steps\[1\]\.rows must be in 0\.\.2, got \[0, 3\]",
        ),
        ("schedule.steps.0.step_size", 0, r"steps\[0\]\.step_size must be a number above 0, got 0"),
        ("schedule.steps.0.step_size", -0.5, r"step_size must be a number above 0, got -0\.5"),
        ("schedule.steps.0.step_size", True, r"step_size must be a number above 0, got True"),
        ("schedule.steps.0.step_size", "1", r"step_size must be a number above 0, got '1'"),
        ("provenance", {"kind": "generated"}, "provenance lacks the entry 'by'"),
        ("provenance", {"kind": "distilled", "by": "x"}, "provenance lacks the entry 'parent'"),
        (
            "provenance",
            {"kind": "imported", "source": 5},
            r"provenance\.source must be a text, got 5",
        ),
        (
            "provenance",
            {"kind": "selected", "parent": {"fingerprint": "x"}},
            r"provenance\.parent\.fingerprint must be 64 hexadecimal digits or none, got 'x'",
        ),
        (
            "provenance",
            {"kind": "generated", "by": "gan", "model": "x"},
            r"provenance\.model must be 64 hexadecimal digits or none, got 'x'",
        ),
        (
            "provenance",
            {"kind": "generated", "by": "gan", "sed": 1},
            "provenance has no entry 'sed'; it has by, model, parent, seed, params",
        ),
    ],
)
def test_a_field_of_version_2_that_does_not_hold_up_is_named(
    tmp_path: Path, path: str, value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        Manifest.load(write(tmp_path, changed(path, value)))
    assert str(tmp_path / "manifest.json") in str(error.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_step_size_that_is_not_finite_is_refused(tmp_path: Path, number: str) -> None:
    text = json.dumps(valid()).replace("0.02", number)
    with pytest.raises(ValueError, match=r"manifest\.json.* numbers must be finite"):
        Manifest.load(write(tmp_path, text))


def test_version_1_has_no_schedule(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no entry 'schedule'"):
        Manifest.load(write(tmp_path, {**valid(1), "schedule": None}))


@pytest.mark.parametrize(("version", "key"), [(v, key) for v in (1, 2) for key in sorted(valid(v))])
def test_every_key_is_required(tmp_path: Path, version: int, key: str) -> None:
    content = valid(version)
    del content[key]
    with pytest.raises(ValueError, match=f"lacks the entry '{key}'"):
        Manifest.load(write(tmp_path, content))


@pytest.mark.parametrize(
    "file", ["../images.npy", "/etc/passwd", "a/b.npy", "..", ".", "", "a\\b", "C:x", "a\0b"]
)
def test_no_array_lies_outside_the_folder(tmp_path: Path, file: str) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        Manifest.load(write(tmp_path, changed("arrays.images.file", file)))


@pytest.mark.parametrize(
    "text",
    ["", "\xff", "{", "[]", "null", '{"format": NaN}', "[" * 100_000, json.dumps(valid())[:-5]],
)
def test_what_is_not_a_manifest_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"manifest\.json"):
        Manifest.load(write(tmp_path, text))


def test_a_folder_without_a_manifest_is_not_a_dataset(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"not a dataset folder: it has no manifest\.json"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize(
    "provenance",
    [{"x": float("nan")}, GeneratedBy(by="gan", params={"x": [float("inf")]})],
)
def test_provenance_with_nan_is_refused(
    tmp_path: Path, dataset: Dataset, provenance: Provenance
) -> None:
    unfit = msgspec.structs.replace(dataset.manifest, provenance=provenance)
    with pytest.raises(ValueError, match=r"must be a finite number, got nan|JSON"):
        unfit.save(tmp_path)
    assert not (tmp_path / "manifest.json").exists()


def test_provenance_that_json_cannot_hold_is_refused(tmp_path: Path, dataset: Dataset) -> None:
    unfit = msgspec.structs.replace(dataset.manifest, provenance={"x": object()})
    with pytest.raises(TypeError, match="a manifest cannot hold object objects"):
        unfit.save(tmp_path)
    assert not (tmp_path / "manifest.json").exists()


def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path, dataset: Dataset) -> None:
    names: Any = ("a", 2, "c")
    for unfit, message in (
        (msgspec.structs.replace(dataset.manifest, class_names=names), r"class_names\[1\] must be"),
        (
            msgspec.structs.replace(
                dataset.manifest, provenance=GeneratedBy(by="gan", model="no digest")
            ),
            r"provenance\.model must be 64 hexadecimal digits",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            unfit.save(tmp_path)
        assert not (tmp_path / "manifest.json").exists()


def test_numpy_values_become_plain_ones(tmp_path: Path, dataset: Dataset) -> None:
    step: Any = ScheduleStep((np.int64(2), np.int64(5)), np.float32(0.5))
    params = {"x": np.arange(2), "y": {"z": np.bool_(True), 3: np.float32(0.25)}}
    msgspec.structs.replace(
        dataset.manifest,
        schedule=TrainingSchedule((step,)),
        provenance=GeneratedBy(by="vae", seed=np.int64(7), params=params),
    ).save(tmp_path)
    loaded = Manifest.load(tmp_path)
    assert loaded.schedule == TrainingSchedule((ScheduleStep((2, 5), 0.5),))
    assert loaded.provenance == GeneratedBy(
        by="vae", seed=7, params={"x": [0, 1], "y": {"z": True, "3": 0.25}}
    )
