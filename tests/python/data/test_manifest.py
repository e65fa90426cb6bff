from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from thinset.data import ArrayEntry, Dataset, Manifest

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "0" * 64


def valid() -> dict[str, Any]:
    return {
        "format": "thinset-dataset",
        "version": 1,
        "name": "tiny",
        "n_samples": 2,
        "image_shape": [4, 5, 3],
        "class_names": ["a", "b"],
        "arrays": {
            "images": {
                "file": "images.npy",
                "dtype": "uint8",
                "shape": [2, 4, 5, 3],
                "sha256": DIGEST,
            },
            "labels": {"file": "labels.npy", "dtype": "int64", "shape": [2], "sha256": DIGEST},
        },
        "provenance": {"kind": "test", "nested": {"x": [1, None]}},
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    """The valid manifest with the value at a dotted path replaced."""
    content = valid()
    *parents, last = path.split(".")
    place = content
    for key in parents:
        place = place[key]
    place[last] = value
    return content


def write(folder: Path, content: Any) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "manifest.json").write_bytes(text.encode("latin-1"))
    return folder


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    manifest = Manifest.load(write(tmp_path, valid()))
    (tmp_path / "copy").mkdir()
    manifest.save(tmp_path / "copy")

    content = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    assert len(content.pop("sha256")) == 64
    assert content == valid()
    assert Manifest.load(tmp_path / "copy") == manifest
    assert manifest.arrays["labels"] == ArrayEntry("labels.npy", "int64", (2,), DIGEST)
    assert manifest.class_names == ("a", "b")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format", "other", "format 'thinset-dataset'"),
        ("version", 2, "version must be 1, got 2"),
        ("name", 7, "name must be a string"),
        ("n_samples", 0, "n_samples must be an integer >= 1, got 0"),
        ("n_samples", True, "n_samples must be an integer"),
        ("n_samples", 3, r"images must have shape \(3, 4, 5, 3\), got \(2, 4, 5, 3\)"),
        ("image_shape", [4, 5], "image_shape must be"),
        ("image_shape", [4, 5, 0], "image_shape must be"),
        ("image_shape", [4, 5.0, 3], "image_shape must be"),
        ("image_shape", 4, "image_shape must be a JSON list, got int"),
        ("class_names", [1, 2], "class_names must be strings"),
        ("class_names", "ab", "class_names must be a JSON list"),
        ("provenance", None, "provenance must be a JSON dict"),
        ("arrays", [], "arrays must be a JSON dict"),
        ("arrays", {}, "arrays must name 'images'"),
        ("arrays.images", "images.npy", r"arrays\.images must be a JSON dict"),
        ("arrays.images.dtype", "int16", "images must be one of"),
        ("arrays.images.dtype", "object", "plain numpy dtype, got 'object'"),
        ("arrays.images.dtype", "nonsense", "plain numpy dtype, got 'nonsense'"),
        ("arrays.images.dtype", 8, r"arrays\.images\.dtype must be a JSON str"),
        ("arrays.labels.dtype", "int32", "labels must be int64"),
        ("arrays.labels.shape", [3], "labels must be int64"),
        ("arrays.labels.shape", [-2], "lengths >= 0"),
        ("arrays.labels.sha256", "abc", "64 hexadecimal digits"),
        ("arrays.labels.extra", 1, r"unknown keys \['extra'\]"),
        ("surprise", 1, r"unknown keys \['surprise'\]"),
    ],
)
def test_a_field_that_does_not_hold_up_is_named(
    tmp_path: Path, path: str, value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        Manifest.load(write(tmp_path, changed(path, value)))
    assert str(tmp_path / "manifest.json") in str(error.value)


@pytest.mark.parametrize("key", sorted(valid()))
def test_every_key_is_required(tmp_path: Path, key: str) -> None:
    content = valid()
    del content[key]
    with pytest.raises(ValueError, match=key):
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


def test_provenance_with_nan_is_refused(tmp_path: Path, dataset: Dataset) -> None:
    manifest = dataset.manifest
    unfit = Manifest(
        manifest.name,
        manifest.n_samples,
        manifest.image_shape,
        manifest.arrays,
        provenance={"x": float("nan")},
    )
    with pytest.raises(ValueError, match="JSON"):
        unfit.save(tmp_path)
    assert not (tmp_path / "manifest.json").exists()
