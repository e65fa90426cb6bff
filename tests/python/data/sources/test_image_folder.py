from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.data import import_dataset

if TYPE_CHECKING:
    from pathlib import Path

Image = pytest.importorskip("PIL.Image", reason="needs Pillow")


def encode(pixels: np.ndarray, form: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form)
    return content.getvalue()


def colourful(n: int, height: int = 6, width: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def save(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def png(value: int, shape: tuple[int, ...] = (6, 7, 3)) -> bytes:
    return encode(np.full(shape, value, np.uint8))


def test_classes_are_sorted_and_images_sorted_within(tmp_path: Path) -> None:
    pixels = colourful(4)
    source = save(
        tmp_path / "pets",
        {
            "dog/2.png": encode(pixels[3]),
            "dog/1.png": encode(pixels[2]),
            "cat/z.PNG": encode(pixels[1]),
            "cat/a/deeper.bmp": encode(pixels[0], "BMP"),
            "cat/.DS_Store": b"not an image",
            ".git/config": b"not an image",
        },
    )
    datasets = import_dataset(source, tmp_path / "out")
    assert list(datasets) == ["train"]
    dataset = datasets["train"]
    np.testing.assert_array_equal(dataset.images, pixels)
    assert dataset.labels.tolist() == [0, 0, 1, 1]
    assert dataset.class_names == ("cat", "dog")
    assert dataset.name == "pets/train"


def test_train_and_test_share_the_training_classes(tmp_path: Path) -> None:
    source = save(
        tmp_path / "pets",
        {"train/a/1.png": png(1), "train/b/1.png": png(2), "test/b/1.png": png(3)},
    )
    datasets = import_dataset(source, tmp_path / "out")
    assert datasets["test"].labels.tolist() == [1]
    assert datasets["test"].class_names == ("a", "b")
    assert datasets["test"].images.max() == 3

    save(source, {"test/c/1.png": png(3)})
    with pytest.raises(ValueError, match="c is a class that the training split does not have; it"):
        import_dataset(source, tmp_path / "again")


@pytest.mark.parametrize("extra_colour", [False, True])
def test_grey_only_if_all_are_grey(tmp_path: Path, extra_colour: bool) -> None:
    files = {f"a/{i}.png": png(i, (6, 7)) for i in range(3)}
    if extra_colour:
        files["b/0.png"] = png(9)
    dataset = import_dataset(save(tmp_path / "s", files), tmp_path / "out")["train"]
    assert dataset.image_shape == (6, 7, 3 if extra_colour else 1)
    assert dataset.images[:3, 0, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "content", [b"some text", b"", png(1)[:40], encode(colourful(1, 64, 64)[0], "JPEG")[:900]]
)
def test_damaged_images_are_named(tmp_path: Path, content: bytes) -> None:
    source = save(tmp_path / "s", {"a/1.png": png(1, (64, 64, 3)), "b/2.png": content})
    with pytest.raises(ValueError, match=r"b/2\.png cannot be read as an 8-bit image"):
        import_dataset(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_16_bit_images_are_not_clipped_silently(tmp_path: Path) -> None:
    source = save(tmp_path / "s", {"a/1.png": encode(np.full((4, 4), 40_000, np.uint16))})
    with pytest.raises(ValueError, match=r"a/1\.png .* more than 8 bits per channel"):
        import_dataset(source, tmp_path / "out")


def test_palettes_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(np.full((6, 7, 3), [200, 100, 50], np.uint8)).quantize(4)
    image.save(tmp_path / "p.png", transparency=b"\x00\x10")
    source = save(tmp_path / "s", {"a/1.png": (tmp_path / "p.png").read_bytes()})
    dataset = import_dataset(source, tmp_path / "out")["train"]
    assert dataset.images[0, 0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize("size", [(0, 4), (4, -1), (4,), (2.5, 3), "ab", (True, 3), 4])
def test_sizes_are_checked(tmp_path: Path, size: Any) -> None:
    source = save(tmp_path / "s", {"a/1.png": png(1)})
    with pytest.raises(ValueError, match=r"size must be \(height, width\), whole numbers of"):
        import_dataset(source, tmp_path / "out", size=size)
