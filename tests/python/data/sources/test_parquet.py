from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thinset.data import import_dataset

pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
Image = pytest.importorskip("PIL.Image", reason="needs Pillow")


def encode(pixels: np.ndarray, form: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form)
    return content.getvalue()


def colourful(n: int, height: int = 6, width: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


N = 1100
PIXELS = colourful(N)
LABELS = np.arange(N) % 3
CONTENT = [encode(pixels) for pixels in PIXELS]
STRUCT = pa.struct({"bytes": pa.binary(), "path": pa.string()})
HUB = {"img": {"_type": "Image"}, "y": {"_type": "ClassLabel", "names": ["a", "b", "c"]}}


def table(features: Any = None, **columns: Any) -> Any:
    made = pa.table(columns)
    if features is None:
        return made
    hub = features if isinstance(features, str) else json.dumps({"info": {"features": features}})
    return made.replace_schema_metadata({"huggingface": hub})


def structs(content: list[bytes | None] = CONTENT) -> list[dict[str, Any]]:
    return [{"bytes": image, "path": None} for image in content]


def save(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(content, path, row_group_size=300)
    return path


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


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "plain.parquet", table(photo=CONTENT, Label=LABELS.astype(np.int8)))
    dataset = import_dataset(path, tmp_path / "out")["train"]
    np.testing.assert_array_equal(dataset.images, PIXELS)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.class_names is None
    assert dataset.name == "plain/train"


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


def test_shards_of_another_kind_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train-0.parquet", table(a=CONTENT[:2], label=[0, 1]))
    save(tmp_path / "in" / "train-1.parquet", table(a=CONTENT[:2]))
    with pytest.raises(ValueError, match=r"train-1\.parquet lacks the columns \['label'\]"):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_several_folders_are_refused(tmp_path: Path) -> None:
    for config in ("small", "large"):
        save(tmp_path / "in" / config / "train.parquet", table(a=CONTENT[:2]))
    with pytest.raises(ValueError, match="in several folders; give one of them"):
        import_dataset(tmp_path / "in", tmp_path / "out")


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
