from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import thinset
from thinset.data import export_subset, import_dataset, open_encoded
from thinset.data.export.image_files import split_files

ROWS = [14, 0, 8, 2]  # of the 15 training images


def tree_of(root: Path) -> list[str]:
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if not path.is_dir() and not path.name.startswith(".thinset")
    )


def chosen_files(photos: Path, rows=ROWS) -> list[str]:
    files = split_files(photos, "train")
    return [files[row].as_posix() for row in rows]


@pytest.mark.parametrize("link", ["copy", "hard", "symbolic"])
def test_the_folders_are_kept(tmp_path, photos, link):
    written = export_subset(ROWS, photos, tmp_path / "out", link=link)
    assert written == (tmp_path / "out", "files", 4)
    assert tree_of(tmp_path / "out") == sorted(chosen_files(photos))
    for name in chosen_files(photos):
        new, old = tmp_path / "out" / name, photos / name
        assert new.read_bytes() == old.read_bytes()
        assert new.is_symlink() == (link == "symbolic")
        assert new.samefile(old) == (link != "copy")
    record = json.loads((tmp_path / "out" / ".thinset-subset.json").read_text())
    assert record["files"] == chosen_files(photos)  # in selection order


def test_rows_are_those_of_the_import(tmp_path, photos):
    encoded = open_encoded(photos, "train")
    names = [str(content) for content in encoded.images._contents]
    files = split_files(photos, "train")
    assert names == [str(photos / file) for file in files]
    export_subset([4], photos, tmp_path / "val", split="validation")
    assert tree_of(tmp_path / "val") == ["val/cat cat/1.png"]


def test_other_splits_come_along_whole(tmp_path, photos):
    export_subset(ROWS, photos, tmp_path / "out", link="symbolic", other_splits=True)
    expected = [name for name in tree_of(photos) if name.startswith("val/")]
    assert len(expected) == 5
    assert tree_of(tmp_path / "out") == sorted(expected + chosen_files(photos))
    # A folder of the same kind: it can be imported as the one it came from.
    data = import_dataset(tmp_path / "out", tmp_path / "data")
    assert len(data["train"]) == 4
    assert len(data["validation"]) == 5


def test_a_dataset_folder_stands_for_its_files(tmp_path, photos):
    (photos / "train" / "ant" / "1.png").write_bytes(b"no image")
    (photos / "train" / "cat cat" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (photos / "train" / "cat cat" / "gone.png").symlink_to("nowhere.png")
    data = import_dataset(photos, tmp_path / "data", skip_unreadable=True)["train"]
    assert data.manifest.provenance.left_out == (1, 11)
    assert len(data) == 13
    rows = np.arange(13)[::-1]
    for source in (data, data.path):
        out = tmp_path / f"out-{type(source).__name__}.txt"
        export_subset(rows, source, out, form="paths")
        files = out.read_text().splitlines()
        assert len(files) == 13
        for row, file in zip(rows, files, strict=True):
            from PIL import Image

            pixels = np.asarray(Image.open(file))
            np.testing.assert_array_equal(pixels, data.images[row])
    with pytest.raises(ValueError, match="made from 15 samples, but .* has 13"):
        export_subset(
            thinset.select(np.eye(15, dtype="float32"), 3, "max_min"),
            data,
            tmp_path / "out",
            form="files",
        )
    shutil.rmtree(photos)
    with pytest.raises(ValueError, match="was imported from .*photos, which is not there"):
        export_subset(rows, data, tmp_path / "out", form="files")


def test_images_that_came_or_went_are_noticed(tmp_path, photos):
    data = import_dataset(photos, tmp_path / "data")["train"]
    (photos / "train" / "ant" / "0.png").unlink()
    selection = thinset.select(np.eye(15, dtype="float32"), 3, "max_min")
    for rows in (selection, [0, 1]):
        with pytest.raises(ValueError, match="changed since .* it has 14 samples, 15 then"):
            export_subset(rows, data, tmp_path / "out", form="files")
    shutil.copy(photos / "train" / "cat cat" / "0.png", photos / "train" / "cat cat" / "new.png")
    with pytest.raises(ValueError, match="changed since .* row 6 has another class"):
        export_subset([0, 1], data, tmp_path / "out", form="files")


@pytest.mark.parametrize("make", [str, lambda name: "./" + name, lambda name: name])
def test_files_are_found_by_their_paths(tmp_path, photos, make, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = chosen_files(photos, range(15))
    for ids in (
        [make(name) for name in files],
        [str(photos / name) for name in files],
        [f"photos/{name}" for name in files],
        np.array(files),
    ):
        export_subset([3, 1], "photos", "out", ids=ids, overwrite=True)
        assert tree_of(Path("out")) == sorted([files[3], files[1]])
    export_subset([files[3], "val/ant/0.png"], "photos", "out", overwrite=True)
    assert tree_of(Path("out")) == sorted([files[3], "val/ant/0.png"])


def forms_of(values):
    torch, pandas = pytest.importorskip("torch"), pytest.importorskip("pandas")
    arrow = pytest.importorskip("pyarrow")
    index = range(len(values), 0, -1)
    yield from (list(values), tuple(values), np.array(values), np.array(values, dtype=object))
    yield from (pandas.Series(values, index=index), arrow.array(values))
    yield arrow.chunked_array([arrow.array(values)])
    if not isinstance(values[0], str):
        yield from (torch.tensor(values), np.array(values, np.uint8), iter(values))


def test_rows_and_ids_in_every_plain_form(tmp_path, photos):
    expected = sorted(chosen_files(photos))
    of_all = chosen_files(photos, range(15))
    for rows in forms_of(ROWS):
        export_subset(rows, photos, tmp_path / "out", overwrite=True)
        assert tree_of(tmp_path / "out") == expected
    for ids in forms_of(of_all):
        export_subset(ROWS, photos, tmp_path / "out", ids=ids, overwrite=True)
        assert tree_of(tmp_path / "out") == expected
    for ids in forms_of(expected):
        export_subset(ids, photos, tmp_path / "out", overwrite=True)
        assert tree_of(tmp_path / "out") == expected
    mask = np.isin(np.arange(15), ROWS)
    for chosen in (mask, mask.tolist()):
        export_subset(chosen, photos, tmp_path / "out", overwrite=True)
        assert tree_of(tmp_path / "out") == expected


class Selected:
    """A selection with ids of its own."""

    indices = np.array([3, 1])
    n_total = 4
    ids = np.array(["train/ant/3.png", "train/ant/1.png"])


def test_ids_of_select_name_the_files(tmp_path, photos):
    files = chosen_files(photos, range(15))[::-1]  # not in the order of the folder
    x = np.random.default_rng(0).standard_normal((15, 3))
    selection = thinset.select(x, 4, "max_min", ids=files)
    selection.save(tmp_path / "sel.npz")
    for chosen in (selection, thinset.Selection.load(tmp_path / "sel.npz")):
        export_subset(chosen, photos, tmp_path / "out", overwrite=True)
        assert tree_of(tmp_path / "out") == sorted(files[row] for row in selection.indices)


def test_a_selection_brings_its_ids(tmp_path, photos):
    export_subset(Selected(), photos, tmp_path / "out")
    assert tree_of(tmp_path / "out") == ["train/ant/1.png", "train/ant/3.png"]
    with pytest.raises(ValueError, match="made from 4 samples, but the train split of .* has 15"):
        export_subset(Selected(), photos, tmp_path / "other", by="rows")


@pytest.mark.parametrize(
    "hostile",
    [
        "../secret.png",
        "/etc/passwd",
        "train/../../secret.png",
        "train",
        "",
        "a\0b",
        "train/ant/9.png",
    ],
)
def test_nothing_outside_is_taken_or_written(tmp_path, photos, hostile):
    (tmp_path / "secret.png").write_bytes(b"secret")
    with pytest.raises(ValueError, match="does not have 1 chosen id"):
        export_subset([hostile, "train/ant/0.png"], photos, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "secret.png"]


def test_one_file_by_two_names_is_refused(tmp_path, photos):
    with pytest.raises(ValueError, match="two ids name the file train/ant/0.png"):
        export_subset(["train/ant/0.png", "./train/ant/0.png"], photos, tmp_path / "out")


def test_links_in_the_source(tmp_path, photos):
    ant = photos / "train" / "ant"
    (tmp_path / "elsewhere").mkdir()
    shutil.move(ant / "0.png", tmp_path / "elsewhere" / "0.png")
    (ant / "0.png").symlink_to(tmp_path / "elsewhere" / "0.png")
    (ant / "loop").symlink_to("..")
    (ant / "self.png").symlink_to("self.png")
    with pytest.raises(ValueError, match="does not have 1 chosen id"):
        export_subset(["train/ant/self.png"], photos, tmp_path / "out")
    for link in ("copy", "hard", "symbolic"):
        export_subset([0], photos, tmp_path / link, link=link)
        assert tree_of(tmp_path / link) == ["train/ant/0.png"]
        copied = (tmp_path / link / "train" / "ant" / "0.png").read_bytes()
        assert copied == (tmp_path / "elsewhere" / "0.png").read_bytes()
    assert not (tmp_path / "hard" / "train" / "ant" / "0.png").is_symlink()


def test_names_that_are_not_utf_8(tmp_path, photos):
    name = os.fsdecode(b"caf\xe9.png")
    shutil.copy(photos / "train" / "ant" / "0.png", photos / "train" / "ant" / name)
    files = split_files(photos, "train")
    row = [file.name for file in files].index(name)
    export_subset([row], photos, tmp_path / "out")
    assert (tmp_path / "out" / "train" / "ant" / name).exists()
    export_subset([row], photos, tmp_path / "out", overwrite=True)
    export_subset([row], photos, tmp_path / "out.txt", form="paths")
    assert (
        os.fsencode(photos / "train" / "ant" / name) + b"\n" == (tmp_path / "out.txt").read_bytes()
    )


def test_a_line_break_in_a_name_is_refused(tmp_path, photos):
    bad = photos / "train" / "ant" / "a\nb.png"
    shutil.copy(photos / "train" / "ant" / "0.png", bad)
    with pytest.raises(ValueError, match="line break in its name"):
        export_subset(["train/ant/a\nb.png"], photos, tmp_path / "out.txt", form="paths")
    assert not (tmp_path / "out.txt").exists()


def test_paths_come_in_selection_order(tmp_path, photos):
    expected = [str(photos / name) for name in chosen_files(photos)]
    export_subset(ROWS, photos, tmp_path / "a.txt", form="paths")
    assert (tmp_path / "a.txt").read_text().splitlines() == expected
    export_subset(ROWS, photos, tmp_path / "b.txt", form="paths", order="file")
    assert (tmp_path / "b.txt").read_text().splitlines() == sorted(expected)


def test_names_that_the_file_system_cannot_tell_apart(tmp_path, photos, monkeypatch):
    """As where upper and lower case are one: the second of two names is there already."""
    from thinset.data.export import image_files

    lexists = os.path.lexists
    monkeypatch.setattr(
        image_files.os.path, "lexists", lambda path: str(path).endswith("8.png") or lexists(path)
    )
    shutil.copy(photos / "train" / "ant" / "0.png", photos / "train" / "ant" / "8.png")
    with pytest.raises(ValueError, match="cannot tell train/ant/8.png from another file"):
        export_subset(["train/ant/8.png"], photos, tmp_path / "out")
    monkeypatch.undo()
    make = Path.mkdir

    def mkdir(path, *args, **options):
        if path.name == "bée":
            raise FileExistsError
        make(path, *args, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(ValueError, match="cannot tell train/bée from another file"):
        export_subset(["train/bée/0.png"], photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_half_written(tmp_path, photos, monkeypatch):
    import thinset.data.export.image_files as module

    copy = shutil.copy2

    def failing(source, target):
        if source.name == "2.png":
            raise OSError(28, "No space left on device")
        copy(source, target)

    monkeypatch.setattr(module.shutil, "copy2", failing)
    with pytest.raises(OSError, match="No space left"):
        export_subset(ROWS, photos, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
    monkeypatch.undo()
    export_subset(ROWS, photos, tmp_path / "out")
    assert len(tree_of(tmp_path / "out")) == 4


def test_only_what_was_exported_is_replaced(tmp_path, photos):
    out = tmp_path / "out"
    export_subset(ROWS, photos, out, link="hard")
    with pytest.raises(FileExistsError, match="already exists"):
        export_subset([1], photos, out)
    export_subset([1], photos, out, overwrite=True)
    assert tree_of(out) == chosen_files(photos, [1])
    assert len(tree_of(photos)) == 20
    (out / "train" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="'train/notes.txt', which is not part"):
        export_subset([1], photos, out, overwrite=True)
    assert (out / "train" / "notes.txt").read_text() == "mine"
    for target in (photos, tmp_path, photos / "train" / ".."):
        with pytest.raises(ValueError, match="would replace its own source"):
            export_subset([1], photos, target, overwrite=True)
    for target in ("train", "small", "train/ant/small"):
        with pytest.raises(ValueError, match="is inside its source .* choose an output outside"):
            export_subset([1], photos, photos / target, overwrite=True)
    assert len(tree_of(photos)) == 20


@pytest.mark.parametrize(
    ("selection", "options", "message"),
    [
        ([0, 15], {}, r"in \[0, 15\): position 1 holds 15"),
        ([-1], {}, "position 0 holds -1"),
        ([1, 2, 1], {}, "the row 1 twice"),
        (["train/ant/0.png"] * 2, {}, "the id 'train/ant/0.png' twice"),
        ([], {}, "at least one integer index"),
        ([0.5], {}, "at least one integer index"),
        (3, {}, "must be a Selection, row numbers, a mask or a list of ids, got 3"),
        ("ab", {}, "must be a Selection, row numbers, a mask or a list of ids, got 'ab'"),
        ([True] * 14, {}, "made from 14 samples, but .* has 15"),
        ([0], {"ids": ["a", "b"], "by": "ids"}, "does not have 1 chosen id: 'a'"),
        ([5], {"ids": ["a", "b"]}, r"in \[0, 2\)"),
        (["a"], {"ids": ["a", "b"]}, "holds ids already"),
        (["a"], {"by": "rows"}, "needs row numbers"),
        ([0], {"by": "ids"}, "the selection holds no ids"),
        ([0], {"ids": [1.5] * 15}, "texts or integers: entry 0 is 1.5"),
        ([0], {"split": "test"}, r"has the splits \['train', 'validation'\], got 'test'"),
        ([0], {"form": "parquet"}, "form must be one of files, paths for a folder of images"),
        ([0], {"link": "soft"}, "link must be copy, hard or symbolic"),
        ([0], {"form": "paths", "link": "hard"}, "link applies to the form 'files'"),
        ([0], {"id_column": "id"}, "id_column applies to parquet"),
        ([0], {"order": "selection"}, "order must be 'file' for the form 'files'"),
    ],
)
def test_what_is_refused(tmp_path, photos, selection, options, message):
    with pytest.raises(ValueError, match=message):
        export_subset(selection, photos, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_hard_links_to_another_file_system_say_what_to_do(tmp_path, photos, monkeypatch):
    def link(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(OSError, match="use --link copy or symbolic"):
        export_subset([0], photos, tmp_path / "out", link="hard")
