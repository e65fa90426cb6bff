"""The size and colours that all splits of encoded images get."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.data import import_dataset, open_encoded

if TYPE_CHECKING:
    from pathlib import Path

Image = pytest.importorskip("PIL.Image", reason="needs Pillow")


def save(root: Path, files: dict[str, tuple[int, ...]]) -> Path:
    for name, shape in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        Image.fromarray(np.full(shape, 9, np.uint8)).save(content, "PNG")
        (root / name).write_bytes(content.getvalue())
    return root


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(6, 7), (8, 9), (10, 30)], (8, 9)),
        ([(6, 7), (6, 7), (100, 3)], (6, 7)),
        ([(500, 375), (375, 500), (300, 40)], (64, 64)),
        ([(500, 40), (375, 50), (300, 60)], (64, 50)),
        ([(100, 120), (100, 120)], (100, 120)),
    ],
)
def test_the_size_where_none_is_given(
    tmp_path: Path, sizes: list[tuple[int, int]], expected: tuple[int, int]
) -> None:
    files = {f"a/{number}.png": (*size, 3) for number, size in enumerate(sizes)}
    source = save(tmp_path / "in", files)
    notes: list[str] = []
    dataset = import_dataset(source, tmp_path / "out", note=notes.append)["train"]
    assert dataset.image_shape == (*expected, 3)
    assert (dataset.images == 9).all()
    resized = [note for note in notes if "--image-size HEIGHT WIDTH" in note]
    assert len(resized) == (len(set(sizes)) > 1)
    assert all(f"all become {expected[0]} x {expected[1]} " in note for note in resized)
    assert dataset.manifest.provenance.size == (expected if resized else None)

    encoded = open_encoded(source)
    np.testing.assert_array_equal(encoded.images[:], dataset.images)
    given = import_dataset(source, tmp_path / "given", size=(3, 4))["train"]
    assert given.image_shape == (3, 4, 3)


def test_other_splits_follow_the_training_split(tmp_path: Path) -> None:
    """In size and in colour, each of which only one of them may have."""
    source = save(
        tmp_path / "in",
        {
            "train/a/1.png": (100, 110),
            "train/a/2.png": (100, 110),
            "test/a/1.png": (7, 8, 3),
            "val/a/1.png": (9, 9),
        },
    )
    datasets = import_dataset(source, tmp_path / "out")
    assert {dataset.image_shape for dataset in datasets.values()} == {(100, 110, 3)}


@pytest.mark.parametrize(
    "error",
    [SyntaxError, OSError, ValueError, EOFError, IndexError, KeyError, RuntimeError, MemoryError],
)
def test_whatever_a_reader_raises_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    source = save(tmp_path / "in", {"a/1.png": (6, 7), "a/2.png": (6, 7)})

    def fail(_image: object) -> None:
        raise error("broken chunk")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    with pytest.raises(ValueError, match=r"a/1\.png cannot be read as an 8-bit image: .*broken"):
        import_dataset(source, tmp_path / "out")


@pytest.mark.parametrize("form", ["AVIF", "JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM"])
def test_damaged_bytes_are_read_or_refused(tmp_path: Path, form: str) -> None:
    """Cut anywhere and with any byte changed: an image or a ValueError with the file's name."""
    content = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    try:
        Image.fromarray(pixels).save(content, form)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow does not write {form}")
    whole = content.getvalue()
    rng = np.random.default_rng(1)
    path = save(tmp_path / "in", {"a/1.png": (16, 16, 3)}) / "a" / f"2.{form.lower()}"
    for number in range(60):
        damaged = bytearray(whole)
        if number % 2:
            damaged = damaged[: rng.integers(0, len(damaged))]
        for place in rng.integers(0, max(1, len(damaged)), 3 if len(damaged) else 0):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        message = _refusal(tmp_path)
        assert message is None or path.name in message


def _refusal(folder: Path) -> str | None:
    try:
        import_dataset(folder / "in", folder / "out", overwrite=True)
    except ValueError as error:
        return str(error)
    return None
