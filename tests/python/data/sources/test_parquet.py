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


def imported(source: Path, out: Path, **options: Any) -> tuple[dict[str, Any], list[str]]:
    notes: list[str] = []
    return import_dataset(source, out, note=notes.append, **options), notes


def test_what_is_taken_for_what_is_said(tmp_path: Path) -> None:
    columns = {"image_id": [907, 4, 55], "image": CONTENT[:3], "label": ["dog", "cat", "dog"]}
    datasets, notes = imported(save(tmp_path / "pets.parquet", table(**columns)), tmp_path / "out")
    assert datasets["train"].labels.tolist() == [1, 0, 1]
    assert datasets["train"].class_names == ("cat", "dog")
    assert notes == [
        "images from column 'image', labels from column 'label'; not read: image_id",
        "labels are strings, sorted: 2 classes, cat, dog",
    ]
    assert datasets["train"].manifest.provenance["notes"] == notes


@pytest.mark.parametrize(
    ("labels", "numbers", "names"),
    [
        (["b", "a", "b", "c"], [1, 0, 1, 2], ("a", "b", "c")),
        (pa.array(["b", "a", "b", "c"], pa.large_string()), [1, 0, 1, 2], ("a", "b", "c")),
        (pa.array(["b", "a", "b", "c"]).dictionary_encode(), [1, 0, 1, 2], ("a", "b", "c")),
        (pa.array([5, 7, 5, 900]).dictionary_encode(), [0, 1, 0, 2], ("5", "7", "900")),
        ([True, False, True, True], [1, 0, 1, 1], ("false", "true")),
        ([2.0, 0.0, 1.0, 2.0], [2, 0, 1, 2], None),
        (pa.array([2, 0, 1, 2], pa.uint8()), [2, 0, 1, 2], None),
        ([907, 4, 55, 4], [2, 0, 1, 0], ("4", "55", "907")),
        ([10, 1, 2, 10], [2, 0, 1, 2], ("1", "2", "10")),
    ],
)
def test_labels_of_every_type(
    tmp_path: Path, labels: Any, numbers: list[int], names: tuple[str, ...] | None
) -> None:
    path = save(tmp_path / "d.parquet", table(image=CONTENT[:4], label=labels))
    dataset = import_dataset(path, tmp_path / "out")["train"]
    assert dataset.labels.tolist() == numbers
    assert dataset.class_names == names


def test_names_of_labels_have_a_fixed_order(tmp_path: Path) -> None:
    columns = {"y": [0, 1], "Fine_Label": [1, 0], "coarse_label": [0, 0], "img": CONTENT[:2]}
    path = save(tmp_path / "d.parquet", table(**columns))
    assert import_dataset(path, tmp_path / "out")["train"].labels.tolist() == [1, 0]


def test_columns_can_be_given(tmp_path: Path) -> None:
    columns = {"a": CONTENT[:2], "b": CONTENT[2:4], "kind": [1, 0], "label": [0, 0]}
    path = save(tmp_path / "d.parquet", table(**columns))
    datasets, notes = imported(path, tmp_path / "x", image_column="b", label_column="kind")
    np.testing.assert_array_equal(datasets["train"].images, PIXELS[2:4])
    assert datasets["train"].labels.tolist() == [1, 0]
    assert notes == ["images from column 'b', labels from column 'kind'; not read: a, label"]
    datasets, notes = imported(path, tmp_path / "y", image_column="b", with_labels=False)
    assert datasets["train"].labels is None
    assert notes == ["images from column 'b', without labels; not read: a, kind, label"]
    for option in ("image_column", "label_column"):
        name = f"--{option.replace('_', '-')} no"
        with pytest.raises(ValueError, match=f"{name}: .* has the columns a .binary., b"):
            import_dataset(path, tmp_path / "z", **{option: "no"})


def test_columns_are_of_parquet_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--label-column does not apply to digits"):
        import_dataset("digits", tmp_path / "out", label_column="y")


N_IDS = 50


@pytest.mark.parametrize(
    "ids", [np.arange(N_IDS) * 3, np.arange(N_IDS), [f"image {i}" for i in range(N_IDS)]]
)
def test_identifiers_are_no_labels(tmp_path: Path, ids: Any) -> None:
    path = save(tmp_path / "d.parquet", table(image=CONTENT[:N_IDS], label=ids))
    with pytest.raises(ValueError, match="50 different values in 50 rows, as identifiers do"):
        import_dataset(path, tmp_path / "out")
    given = import_dataset(path, tmp_path / "out", label_column="label")["train"]
    assert given.n_classes == N_IDS


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[0, 1], [1]], r"'label' holds list<.*>, but class labels are integers, strings"),
        ([0.5, 1.0], r"row 0: column 'label' holds 0\.5, but class labels are integers"),
        ([1.0, float("nan")], "row 1: column 'label' holds no label"),
        (["cat", None], "row 1: column 'label' holds no label"),
    ],
)
def test_labels_that_are_no_classes(tmp_path: Path, labels: Any, message: str) -> None:
    path = save(tmp_path / "d.parquet", table(image=CONTENT[:2], label=labels))
    with pytest.raises(ValueError, match=message):
        import_dataset(path, tmp_path / "out")


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
        with pytest.raises(ValueError, match=r"secret\.png', which is outside of"):
            read(path)


def test_pixel_arrays_say_what_to_do(tmp_path: Path) -> None:
    path = save(tmp_path / "d.parquet", table(image=[[[0, 1], [2, 3]]], label=[0]))
    with pytest.raises(
        ValueError, match=r"'image' holds list.*not encoded images; save .*images\.npy"
    ):
        import_dataset(path, tmp_path / "out")


SPLIT_FILES = {
    "train_0 test_0": ("train_0.parquet", "test_0.parquet"),
    "mnist_train mnist_test": ("mnist_train.parquet", "mnist_test.parquet"),
    "train test": ("train.parquet", "test.parquet"),
    "converter": ("default/train/0000.parquet", "default/test/0000.parquet"),
    "folders": ("train/0000.parquet", "test/0000.parquet"),
    "upper case": ("Train/a.PARQUET", "TEST/a.PARQUET"),
    "hashes": (
        "data/train-00000-of-00001-b21bd2e3bd47bbc8.parquet",
        "data/test-00000-of-00001-9e6b5b4a3ef4ea3c.parquet",
    ),
    "spark": (
        "train/part-00000-1d3f9dfe-4a21-4b8a-8d7e-aabbccddeeff-c000.snappy.parquet",
        "test/part-00000-abcdefab-abcd-abcd-abcd-abcdefabcdef-c000.snappy.parquet",
    ),
}


@pytest.mark.parametrize("names", SPLIT_FILES.values(), ids=SPLIT_FILES)
def test_splits_are_found_in_names(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, rows in zip(names, (4, 2), strict=True):
        save(tmp_path / "in" / name, table(image=CONTENT[:rows], label=[0, 1] * (rows // 2)))
    datasets = import_dataset(tmp_path / "in", tmp_path / "out")
    assert {split: len(dataset) for split, dataset in datasets.items()} == {"train": 4, "test": 2}


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "dev"])
def test_validation_data_is_a_split_of_its_own(tmp_path: Path, name: str) -> None:
    for split, rows in (("train", 4), (name, 2)):
        save(tmp_path / "in" / f"{split}-0.parquet", table(image=CONTENT[:rows], label=[0] * rows))
    datasets, notes = imported(tmp_path / "in", tmp_path / "out")
    assert {s: len(dataset) for s, dataset in datasets.items()} == {"train": 4, "validation": 2}
    assert datasets["validation"].path == tmp_path / "out" / "validation"
    assert notes[:2] == ["train from train-0.parquet", f"validation from {name}-0.parquet"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train_val.parquet"], r"train_val\.parquet may be of the splits train, validation"),
        (["test/train.parquet"], r"test/train\.parquet may be of the splits train, test"),
        (["test.parquet", "more.parquet"], r"no training split: found test .* and more\.parquet"),
        (["cifar10_train.parquet", "cifar100_train.parquet"], "has 2 sets of files of the train"),
        (["train_small/0.parquet", "train_large/0.parquet"], "in several folders; give one of"),
        (["a/0.parquet", "b/0.parquet"], "in several folders; give one of them: a, b"),
    ],
)
def test_names_that_may_mean_several_things(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        save(tmp_path / "in" / name, table(image=CONTENT[:2], label=[0, 1]))
    if names == ["train_val.parquet"]:
        save(tmp_path / "in" / "test.parquet", table(image=CONTENT[:2], label=[0, 1]))
    with pytest.raises(ValueError, match=message):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_files_of_no_split_are_left_out_and_named(tmp_path: Path) -> None:
    for name in ("train", "test", "extra"):
        save(tmp_path / "in" / f"{name}.parquet", table(image=CONTENT[:2], label=[0, 1]))
    datasets, notes = imported(tmp_path / "in", tmp_path / "out")
    assert list(datasets) == ["train", "test"]
    assert "left out 1 file named after no split: extra.parquet" in notes


def test_files_without_any_split_are_training_data(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "in" / f"{number:04}.parquet", table(image=CONTENT[:2], label=[0, 1]))
    datasets, notes = imported(tmp_path / "in", tmp_path / "out")
    assert {split: len(dataset) for split, dataset in datasets.items()} == {"train": 6}
    assert notes[0].startswith("no file is named after a split: 0000.parquet, 0001.parquet")


def test_classes_of_other_splits_are_those_of_training(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train.parquet", table(image=CONTENT[:3], label=["b", "a", "c"]))
    save(tmp_path / "in" / "test.parquet", table(image=CONTENT[:2], label=["c", "c"]))
    assert import_dataset(tmp_path / "in", tmp_path / "out")["test"].labels.tolist() == [2, 2]
    save(tmp_path / "in" / "test.parquet", table(image=CONTENT[:2], label=["c", "z"]))
    with pytest.raises(ValueError, match=r"test\.parquet, row 1: .* 'z', which no training label"):
        import_dataset(tmp_path / "in", tmp_path / "other")


def test_class_names_of_the_schemas_agree(tmp_path: Path) -> None:
    for split, names in (("train", ["a", "b"]), ("test", ["b", "a"])):
        features = {"label": {"_type": "ClassLabel", "names": names}}
        content = table(features, image=CONTENT[:2], label=[0, 1])
        save(tmp_path / "in" / f"{split}.parquet", content)
    with pytest.raises(ValueError, match="names b, a, but the training split has a, b"):
        import_dataset(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("labels", [[-1, -1], pa.array([None, None], pa.int64()), None])
def test_test_data_may_have_no_labels(tmp_path: Path, labels: Any) -> None:
    save(tmp_path / "in" / "train.parquet", table(image=CONTENT[:2], label=[0, 1]))
    columns = {} if labels is None else {"label": labels}
    save(tmp_path / "in" / "test.parquet", table(image=CONTENT[:2], **columns))
    datasets, notes = imported(tmp_path / "in", tmp_path / "out")
    assert datasets["train"].labels.tolist() == [0, 1]
    assert datasets["test"].labels is None
    assert any(note.startswith("test: no") and "no labels" in note for note in notes)


def test_unreadable_rows_can_be_left_out(tmp_path: Path) -> None:
    content = [CONTENT[0], b"junk", CONTENT[2][:60]]
    path = save(tmp_path / "d.parquet", table(image=content, label=[0, 1, 1]))
    with pytest.raises(ValueError, match=r"row 1 cannot be read .*--skip-unreadable"):
        import_dataset(path, tmp_path / "out")
    datasets, notes = imported(path, tmp_path / "out", skip_unreadable=True)
    assert datasets["train"].labels.tolist() == [0]
    assert f"train: left out 2 unreadable images: {path}, row 1, {path}, row 2" in notes


def test_a_number_that_only_test_data_have_is_a_class(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train.parquet", table(image=CONTENT[:3], label=[0, 2, 0]))
    save(tmp_path / "in" / "test.parquet", table(image=CONTENT[:2], label=[1, 2]))
    datasets = import_dataset(tmp_path / "in", tmp_path / "out")
    assert datasets["train"].labels.tolist() == [0, 2, 0]
    assert datasets["test"].labels.tolist() == [1, 2]
    assert datasets["test"].class_names is None


@pytest.mark.parametrize("form", ["link", "folder", "pipe"])
@pytest.mark.parametrize("name", ["train-1.parquet", "test.parquet"])
def test_names_that_are_no_files_are_refused(tmp_path: Path, name: str, form: str) -> None:
    save(tmp_path / "in" / "train-0.parquet", table(image=CONTENT[:2], label=[0, 1]))
    path = tmp_path / "in" / name
    if form == "link":
        path.symlink_to("gone")
    elif form == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    what = {"link": "a link to nothing", "folder": "a folder", "pipe": "a named pipe"}[form]
    with pytest.raises(ValueError, match=f"{name} is {what}"):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_a_folder_of_a_split_that_links_to_nothing_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train" / "0.parquet", table(image=CONTENT[:2], label=[0, 1]))
    (tmp_path / "in" / "test").symlink_to("gone")
    with pytest.raises(ValueError, match="in/test is a link to nothing"):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_a_folder_may_be_named_as_one_file(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train.parquet" / "part-0.parquet", table(image=CONTENT[:2]))
    assert len(import_dataset(tmp_path / "in", tmp_path / "out")["train"]) == 2


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train-00000-of-00003"], "in/train-00001-of-00003.parquet is missing: 1 of 3 shards"),
        (["train-00001-of-00002-b21bd2e3"], "in/train-00000-of-00002.parquet is missing"),
        (["train-1-of-3", "train-3-of-3"], "in/train-2-of-3.parquet is missing"),
        (["train", "test-00001-of-00002"], "in/test-00000-of-00002.parquet is missing"),
        (["00000-of-00002"], "in/00001-of-00002.parquet is missing"),
        (
            ["train-0-of-1", "train-0-of-2", "train-1-of-2"],
            "has shards train-. of 1 and of 2; move",
        ),
        (["train-1-of-1"], None),
        (["train-0-of-2-aa00bb11", "train-1-of-2-cc22dd33"], None),
    ],
)
def test_missing_shards_are_named(tmp_path: Path, names: list[str], message: str | None) -> None:
    for name in names:
        save(tmp_path / "in" / f"{name}.parquet", table(image=CONTENT[:2], label=[0, 1]))
    if message is None:
        assert len(import_dataset(tmp_path / "in", tmp_path / "out")["train"]) == 2 * len(names)
        return
    with pytest.raises(ValueError, match=message):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_a_shard_given_alone_is_read_with_a_note(tmp_path: Path) -> None:
    path = save(tmp_path / "train-00000-of-00003.parquet", table(image=CONTENT[:2], label=[0, 1]))
    datasets, notes = imported(path, tmp_path / "out")
    assert len(datasets["train"]) == 2
    assert notes[0] == f"{path.name} is one of 3 shards; it is read alone"


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
    with pytest.raises(ValueError, match=r"row 1.*--skip-unreadable` leaves it out"):
        import_dataset(path, tmp_path / "out")
    datasets, notes = imported(path, tmp_path / "out", skip_unreadable=True)
    np.testing.assert_array_equal(datasets["train"].images, PIXELS[:1])
    assert datasets["train"].labels.tolist() == [0]
    assert f"train: left out 1 unreadable image: {path}, row 1" in notes
