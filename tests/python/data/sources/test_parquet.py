from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parquet_tables import (
    CONTENT,
    HUB,
    LABELS,
    PIXELS,
    STRUCT,
    N,
    imported,
    save,
    structs,
    table,
)
from thinset.data import import_dataset

pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
Image = pytest.importorskip("PIL.Image", reason="needs Pillow")


def test_hub_layout(tmp_path: Path) -> None:
    """Shards a folder deeper, columns and class names from the schema, other integers ignored."""
    columns = {"id": np.arange(N), "img": structs(), "y": LABELS}
    whole = table(HUB, **columns)
    save(tmp_path / "hub" / "data" / "train-00000-of-00002.parquet", whole.slice(0, 700))
    save(tmp_path / "hub" / "data" / "train-00001-of-00002.parquet", whole.slice(700))
    save(tmp_path / "hub" / "data" / "test-00000-of-00001.parquet", whole.slice(5, 10))
    (tmp_path / "hub" / "README.md").write_text("about")
    datasets = import_dataset(tmp_path / "hub", tmp_path / "out")

    assert {split: len(dataset) for split, dataset in datasets.items()} == {"train": N, "test": 10}
    np.testing.assert_array_equal(datasets["train"].images, PIXELS)
    np.testing.assert_array_equal(datasets["train"].labels, LABELS)
    np.testing.assert_array_equal(datasets["test"].images, PIXELS[5:15])
    assert datasets["train"].class_names == ("a", "b", "c")


def test_images_alone_and_resized(tmp_path: Path) -> None:
    path = save(tmp_path / "plain.parquet", table(picture=CONTENT[:3]))
    dataset = import_dataset(path, tmp_path / "out", size=(3, 3))["train"]
    assert dataset.labels is None
    assert dataset.image_shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table(a=CONTENT, b=CONTENT), r"several image columns, \['a', 'b'\]"),
        (
            table(a=CONTENT, b=LABELS),
            r"no column with a usual name .* only a \(binary\), b \(int64\); .*--label-column NAME",
        ),
        (
            table(
                {name: {"_type": "ClassLabel", "names": ["x"]} for name in "bc"},
                a=CONTENT,
                b=LABELS,
                c=LABELS,
            ),
            r"several label columns, \['b', 'c'\]; .*--label-column NAME",
        ),
        (table(b=LABELS), "no column of encoded images"),
        (table(a=[*CONTENT[:600], None], label=LABELS[:601]), "row 600: column 'a' holds no image"),
        (table(a=pa.array(structs([None]), STRUCT)), "row 0: column 'a' holds no image"),
        (
            table(a=CONTENT[:3], label=[1, None, 2]),
            r"train\.parquet, row 1: column 'label' holds no label",
        ),
        (
            table(a=CONTENT[:2], label=[1, -1]),
            r"train\.parquet, row 1: column 'label' holds the label -1, but labels must be >= 0",
        ),
        (
            table(HUB, img=structs(CONTENT[:2]), y=[1, 3]),
            r"train\.parquet, row 1: column 'y': labels must be in 0\.\.2, got 3",
        ),
        (table(a=pa.array([], pa.binary())), "has no rows in its train files"),
        (table(a=[CONTENT[0], b"junk"]), "row 1 cannot be read as an 8-bit image"),
        (table("{", a=CONTENT[:1]), "'huggingface' entry is damaged"),
        (table({"y": {"_type": "ClassLabel", "names": [1]}}, a=CONTENT[:1], y=[0]), "be strings"),
        (table([1], a=CONTENT[:1]), "features must be an object"),
    ],
)
def test_tables_that_do_not_hold_up(tmp_path: Path, content: Any, message: str) -> None:
    path = save(tmp_path / "in" / "train.parquet", content)
    with pytest.raises(ValueError, match=message):
        import_dataset(path, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_files_are_named(tmp_path: Path, share: float) -> None:
    path = save(tmp_path / "in" / "train.parquet", table(a=CONTENT))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"train\.parquet is damaged or no parquet file"):
        import_dataset(path, tmp_path / "out")


def test_damaged_pages_do_not_crash(tmp_path: Path) -> None:
    path = save(tmp_path / "in" / "train.parquet", table(a=CONTENT, b=LABELS))
    content = bytearray(path.read_bytes())
    content[2000 : len(content) // 2 : 97] = b"\xff" * len(content[2000 : len(content) // 2 : 97])
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"train\.parquet"):
        import_dataset(path, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


@pytest.mark.skipif("THINSET_TEST_CIFAR10" not in os.environ, reason="THINSET_TEST_CIFAR10 unset")
def test_real_cifar10(tmp_path: Path) -> None:
    source = Path(os.environ["THINSET_TEST_CIFAR10"]) / "test-00000-of-00001.parquet"
    dataset = import_dataset(source, tmp_path / "out")["train"]
    assert dataset.images.shape == (10_000, 32, 32, 3)
    assert dataset.class_names[0] == "airplane"
    assert np.bincount(dataset.labels).tolist() == [1000] * 10
    means = dataset.images.mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(means, [0.491, 0.482, 0.447], atol=0.01)


@pytest.mark.parametrize(
    "kind", ["binary", "large_binary", "binary_view", "dictionary", "fixed_size", "struct"]
)
def test_images_of_every_binary_type(tmp_path: Path, kind: str) -> None:
    content = pa.array(CONTENT[:4], pa.binary())
    if kind == "dictionary":
        content = content.dictionary_encode()
    elif kind == "fixed_size":
        width = max(map(len, CONTENT[:4]))
        content = pa.array([c.ljust(width, b"\0") for c in CONTENT[:4]], pa.binary(width))
    elif kind == "struct":
        content = pa.array(structs(CONTENT[:4]), pa.struct({"bytes": pa.large_binary()}))
    else:
        content = content.cast(getattr(pa, kind)())
    path = save(tmp_path / "d.parquet", table(image=content, label=[0, 1, 0, 1]))
    dataset = import_dataset(path, tmp_path / "out")["train"]
    np.testing.assert_array_equal(dataset.images, PIXELS[:4])


def test_structs_that_are_null_hold_no_image(tmp_path: Path) -> None:
    image = pa.array([*structs(CONTENT[:1]), None], STRUCT)
    path = save(tmp_path / "d.parquet", table(image=image))
    with pytest.raises(ValueError, match=r"d\.parquet, row 1: column 'image' holds no image"):
        import_dataset(path, tmp_path / "out")


@pytest.mark.parametrize("is_struct", [False, True])
def test_paths_lead_to_files_inside_the_folder(tmp_path: Path, is_struct: bool) -> None:
    root = tmp_path / "in"
    for number in range(2):
        (root / "img").mkdir(parents=True, exist_ok=True)
        (root / "img" / f"{number}.png").write_bytes(CONTENT[number])
    (tmp_path / "secret.png").write_bytes(CONTENT[5])

    def read(*paths: str) -> Any:
        column = pa.array([{"bytes": None, "path": p} for p in paths], STRUCT)
        content = table(image=column if is_struct else list(paths), label=[0] * len(paths))
        save(root / "data" / "train.parquet", content)
        return import_dataset(root, tmp_path / "out", overwrite=True)["train"]

    found = read("../img/1.png", "img/0.png", str(root / "img" / "1.png"))
    np.testing.assert_array_equal(found.images, PIXELS[[1, 0, 1]])
    with pytest.raises(
        ValueError, match=r"row 1 names the image file 'img/9\.png', but .* no such"
    ):
        read("img/0.png", "img/9.png")
    for path in ("../../secret.png", str(tmp_path / "secret.png")):
        with pytest.raises(ValueError, match=r"', which is outside of"):
            read(path)


def test_pixel_arrays_say_what_to_do(tmp_path: Path) -> None:
    path = save(tmp_path / "d.parquet", table(image=[[[0, 1], [2, 3]]], label=[0]))
    with pytest.raises(
        ValueError, match=r"'image' holds list.*not encoded images; save .*images\.npy"
    ):
        import_dataset(path, tmp_path / "out")


def test_unreadable_rows_can_be_left_out(tmp_path: Path) -> None:
    content = [CONTENT[0], b"junk", CONTENT[2][:60]]
    path = save(tmp_path / "d.parquet", table(image=content, label=[0, 1, 1]))
    with pytest.raises(ValueError, match=r"row 1 cannot be read .*--skip-unreadable"):
        import_dataset(path, tmp_path / "out")
    datasets, notes = imported(path, tmp_path / "out", skip_unreadable=True)
    assert datasets["train"].labels.tolist() == [0]
    assert f"train: left out 2 unreadable images: {path}, row 1, {path}, row 2" in notes


@pytest.mark.parametrize("form", ["binary", "struct", "path"])
def test_missing_images_can_be_left_out(tmp_path: Path, form: str) -> None:
    """An image that is null, and a file that is not there."""
    image: Any = [CONTENT[0], None]
    if form == "struct":
        image = pa.array([*structs(CONTENT[:1]), None], STRUCT)
    elif form == "path":
        (tmp_path / "0.png").write_bytes(CONTENT[0])
        image = ["0.png", "gone.png"]
    path = save(tmp_path / "d.parquet", table(image=image, label=[0, 1]))
    with pytest.raises(ValueError, match=r"row 1.*leave it out with --skip-unreadable"):
        import_dataset(path, tmp_path / "out")
    datasets, notes = imported(path, tmp_path / "out", skip_unreadable=True)
    np.testing.assert_array_equal(datasets["train"].images, PIXELS[:1])
    assert datasets["train"].labels.tolist() == [0]
    assert f"train: left out 1 unreadable image: {path}, row 1" in notes
