"""thinset show: pages of every kind of data, and refusals that name what does not fit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import thinset
from thinset.command_line import main
from thinset.data import DatasetWriter

N = 60


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A dataset of N images, their embeddings, and selections from them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with DatasetWriter(
        "data", name="noise", image_shape=(8, 8, 3), image_dtype="uint8", n_samples=N,
        class_names=("ant", "bee"),
    ) as writer:  # fmt: skip
        writer.append(rng.integers(0, 256, (N, 8, 8, 3), dtype=np.uint8), np.arange(N) % 2)
    embeddings = rng.standard_normal((N, 5)).astype(np.float32)
    embeddings[7] = embeddings[3]
    np.save("embeddings.npy", embeddings)
    for method in ("max_min", "kmeans"):
        thinset.select(embeddings, 10, method).save(f"{method}.npz")
    return tmp_path


def data_of(path):
    page = path.read_text(encoding="utf-8")
    (text,) = re.findall(r'id="explorer-data">(.*?)</script>', page, re.DOTALL)
    return json.loads(text), page


def array(packed):
    import base64

    return np.frombuffer(base64.b64decode(packed["data"]), packed["type"])


def test_a_page_of_everything(folder, capsys):
    command = ["show", "max_min.npz", "--data", "data", "--embeddings", "embeddings.npy"]
    command += ["--against", "kmeans.npz", "--dedup-distance", "0", "-o", "page.html"]
    assert main(command) == 0
    assert "page: page.html (0.1 MB)" in capsys.readouterr().out
    data, page = data_of(folder / "page.html")
    embeddings = np.load("embeddings.npy").astype(np.float64)
    kept = thinset.Selection.load("max_min.npz").indices
    rows = array(data["rows"])
    np.testing.assert_array_equal(rows[:10], kept)
    apart = np.linalg.norm(embeddings[rows[10:], None] - embeddings[kept], axis=2)
    distances = apart.min(axis=1)
    np.testing.assert_allclose(array(data["distances"]), distances, rtol=1e-5, atol=1e-6)
    nearest = rows[array(data["nearest"])]
    found = np.linalg.norm(embeddings[rows[10:]] - embeddings[nearest], axis=1)
    np.testing.assert_allclose(found, distances, atol=1e-9)
    assert sorted(rows[array(data["stacks"]["members"])]) == [3, 7]
    assert "2 samples are in 1 stack:" in page
    words = re.sub("<[^>]*>", "", page)
    chance = f"{10 * 10 / N:.0f}"
    assert re.search(
        rf"agree on (1 sample|\d+ samples); random selections would on {chance}", words
    )
    assert "thinset show max_min.npz" in re.sub("<[^>]*>", "", page)
    # An existing page stays, unless it may be replaced.
    assert main(command) == 4
    assert "page.html already exists; choose another output, or pass --overwrite" in (
        capsys.readouterr().err
    )
    assert main([*command, "--overwrite"]) == 0


@pytest.mark.parametrize("metric", ["cosine", "sqeuclidean"])
def test_distances_are_in_the_metric_of_the_selection(folder, metric):
    embeddings = np.load("embeddings.npy").astype(np.float64)
    thinset.select(embeddings, 10, "max_min", metric=metric).save("chosen.npz")
    np.save("doubles.npy", embeddings)
    assert main(["show", "chosen.npz", "--embeddings", "doubles.npy", "-o", "page.html"]) == 0
    data, _ = data_of(folder / "page.html")
    rows = array(data["rows"])
    a, b = embeddings[rows[10:], None], embeddings[rows[:10]]
    expected = ((a - b) ** 2).sum(axis=2)
    if metric == "cosine":
        lengths = np.linalg.norm(a, axis=2) * np.linalg.norm(b, axis=1)
        expected = 1 - (a * b).sum(axis=2) / lengths
    np.testing.assert_allclose(array(data["distances"]), expected.min(axis=1), rtol=1e-5, atol=1e-6)


def test_texts_and_embeddings_of_parquet(folder, capsys):
    vectors = np.load("embeddings.npy")
    table = pa.table({
        "vector": list(vectors), "text": [f"text {i}" for i in range(N)], "kind": ["x", "y"] * 30,
        "id": [f"doc-{i}" for i in range(N)],
    })  # fmt: skip
    pq.write_table(table, "documents.parquet")
    command = ["show", "max_min.npz", "--embeddings", "documents.parquet", "--column", "vector"]
    command += ["--texts", ":text", "--labels", ":kind", "--ids", ":id", "-o", "page.html"]
    assert main(command) == 0, capsys.readouterr().err
    data, page = data_of(folder / "page.html")
    assert [name for name, _, _ in data["classes"]] == ["x", "y"]
    assert 'id="explorer-texts"' in page
    assert "Texts are shown in full." in page


def test_image_files_are_shown_with_their_paths(folder, capsys):
    rng = np.random.default_rng(1)
    for number in range(12):
        file = folder / "photos" / ("ant", "bee")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(file)
    np.save("rows.npy", np.array([5, 0, 3]))
    assert main(["show", "rows.npy", "--data", "photos", "-o", "page.html"]) == 0
    data, page = data_of(folder / "page.html")
    assert array(data["rows"])[:3].tolist() == [5, 0, 3]
    assert data["sheets"][0][3:] == [30, 20]
    assert 'id="explorer-ids"' in page
    assert "Pass --embeddings FILE, or --map FILE with two columns" in page
    assert main(["show", "rows.npy", "--data", "photos", "--split", "test", "-o", "b.html"]) == 3
    assert "has the splits ['train'], got 'test'" in capsys.readouterr().err


def test_selections_whose_files_have_one_name_are_told_apart(folder, capsys):
    for name in ("old", "new"):
        (folder / name).mkdir()
    thinset.Selection.load("kmeans.npz").save("old/chosen.npz")
    thinset.Selection.load("max_min.npz").save("new/chosen.npz")
    np.save("new/chosen.npy", np.arange(5))
    show = ["show", "new/chosen.npz", "--data", "data", "--overwrite", "-o", "page.html"]
    for other, names in (
        ("old/chosen.npz", ["new/chosen", "old/chosen"]),
        ("new/chosen.npy", ["chosen.npz", "chosen.npy"]),
        ("kmeans.npz", ["chosen", "kmeans"]),
    ):
        assert main([*show, "--against", other]) == 0
        data, _ = data_of(folder / "page.html")
        assert [data["name"], data["other"]["name"]] == names
    capsys.readouterr()
    assert main([*show, "--against", str(folder / "new/chosen.npz")]) == 2
    assert "--against must be another selection" in capsys.readouterr().err


def test_a_class_without_a_name_is_called_empty(folder):
    np.save("labels.npy", np.array(["", "bee"] * (N // 2)))
    command = ["show", "max_min.npz", "--embeddings", "embeddings.npy", "--labels", "labels.npy"]
    assert main([*command, "-o", "page.html"]) == 0
    data, _ = data_of(folder / "page.html")
    assert [name for name, *_ in data["classes"]] == ["(empty)", "bee"]


def test_a_random_selection_goes_with_any_embeddings(folder):
    thinset.select(np.zeros((N, 1), np.float32), 10, "random").save("random.npz")
    assert main(["show", "random.npz", "--embeddings", "embeddings.npy", "-o", "page.html"]) == 0


def test_what_does_not_belong_together_is_refused(folder, capsys):
    np.save("short.npy", np.zeros((N - 1, 5), np.float32))
    np.save("narrow.npy", np.zeros((N, 4), np.float32))
    np.save("labels.npy", np.arange(N - 1))
    np.save("numbers.npy", np.linspace(0, 1, N))
    np.save("wild.npy", np.full((N, 2), np.nan))
    np.save("rows.npy", np.array([0, N]))
    coordinates, embeddings = np.zeros((N, 2)), np.zeros((N, 5))
    coordinates[2, 1], embeddings[4, 3] = -1e308, 1e200
    np.save("large_map.npy", coordinates)
    np.save("large_embeddings.npy", embeddings)
    thinset.select(np.zeros((N, 1)), 10, "random").save("random.npz")
    np.save("large.npy", np.array([2, 2**63 + 1], np.uint64))
    np.save("twice.npy", np.array([1, 0, 1]))
    thinset.select(np.random.default_rng(2).random((N + 1, 5)), 3).save("other.npz")
    data = ["--data", "data"]
    for arguments, status, message in (
        (["other.npz", *data], 3, "other was made from 61 samples, but the data have 60"),
        (["max_min.npz", "--embeddings", "short.npy"], 3, "60 samples, but the embeddings have 59"),
        (["max_min.npz", "--embeddings", "narrow.npy"], 3, "with 5 columns; got 4"),
        (["max_min.npz", *data, "--labels", "labels.npy"], 3, "60 samples, but --labels has 59"),
        (["max_min.npz", *data, "--labels", "numbers.npy"], 3, "--labels must hold"),
        (["max_min.npz", *data, "--against", "other.npz"], 3, "other was made from 61"),
        (["max_min.npz", *data, "--map", "embeddings.npy"], 3, "--map must be an array"),
        (["max_min.npz", *data, "--map", "wild.npy"], 3, "--map must be finite, row 0 is not"),
        (["max_min.npz", *data, "--map", "large_map.npy"], 3, "row 2 holds 1e+308; divide the"),
        (["random.npz", "--embeddings", "large_embeddings.npy"], 3, "row 4 holds 1e+200; divide"),
        (["rows.npy", *data], 3, "row numbers must be from 0 to 59, got 60 at position 1"),
        (["twice.npy", *data], 3, "must be distinct, got 1 at positions 0 and 2"),
        (["large.npy", *data], 3, f"below 2**63, got {2**63 + 1} at position 1"),
        (["max_min.npz", *data, "--dedup-distance", "1"], 2, "--dedup-distance needs --embeddings"),
        (["max_min.npz", *data, "--column", "x"], 2, "--column needs --embeddings"),
        (["max_min.npz", "--embeddings", "embeddings.npy", "--split", "test"], 2,
         "--split needs --data DIR"),
        (["max_min.npz", "--data", "missing"], 4, "missing does not exist"),
        (["max_min.npz", "--embeddings", "gone.npy"], 4, "gone.npy"),
        (["max_min.npz"], 2, "show needs --data DIR"),
        (["max_min.npz", *data, "--out", "max_min.npz", "--overwrite"], 3, "would replace"),
        (["max_min.npz", *data, "--out", "."], 4, ".: is a folder; name a file to write"),
    ):  # fmt: skip
        out = [] if "--out" in arguments else ["-o", "page.html"]
        found = main(["show", *arguments, *out])
        error = capsys.readouterr().err
        assert (found, message in error) == (status, True), (arguments, error)
        assert not (folder / "page.html").exists()


@pytest.mark.parametrize("rows", [np.arange(6).reshape(3, 2), np.eye(4, dtype=bool)])
def test_row_numbers_of_two_dimensions_are_refused(folder, capsys, rows):
    np.save("rows.npy", rows)
    command = ["show", "rows.npy", "--embeddings", "embeddings.npy", "-o", "page.html"]
    assert main(command) == 3
    assert f"in one dimension, got shape {rows.shape}" in capsys.readouterr().err
    assert not (folder / "page.html").exists()


@pytest.mark.parametrize("distance", ["-1", "nan", "inf"])
def test_a_distance_of_stacks_is_refused_by_the_name_of_its_option(folder, capsys, distance):
    np.save("rows.npy", np.arange(6))
    command = ["show", "rows.npy", "--embeddings", "embeddings.npy", "-o", "page.html"]
    assert main([*command, "--dedup-distance", distance]) == 3
    assert "--dedup-distance must be finite and at least 0" in capsys.readouterr().err
    assert not (folder / "page.html").exists()


def test_an_output_that_cannot_be_written_is_noticed_before_the_work(folder, capsys, monkeypatch):
    def read(_):
        raise AssertionError("inputs were read first")

    monkeypatch.setattr(thinset.Selection, "load", read)
    Path("file").write_text("not a folder")
    not_a_folder = f"{folder / 'file'}: part of this path is a file"
    for out, message in (
        ("file/page.html", not_a_folder),
        ("file/below/page.html", not_a_folder),
        ("/proc/page.html", "/proc/page.html"),
    ):
        assert main(["show", "max_min.npz", "--data", "data", "-o", out]) == 4
        assert message in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == [
        "data", "embeddings.npy", "file", "kmeans.npz", "max_min.npz",
    ]  # fmt: skip


def test_a_selection_from_the_same_samples_in_another_order_is_refused(folder, capsys):
    names = [f"doc-{row}" for row in range(N)]
    Path("ids.txt").write_text("\n".join(names))
    select = ["select", "embeddings.npy", "-n", "10", "--method", "max_min", "--ids", "ids.txt"]
    assert main([*select, "-o", "named.npz"]) == 0
    show = ["show", "named.npz", "--embeddings", "embeddings.npy", "-o", "page.html"]
    Path("reversed.txt").write_text("\n".join(names[::-1]))
    capsys.readouterr()
    assert main([*show, "--ids", "reversed.txt"]) == 3
    row = int(thinset.Selection.load("named.npz").indices[0])
    message = f"it keeps 'doc-{row}' as row {row}, but in --ids that is row {N - 1 - row}"
    assert message in capsys.readouterr().err
    # The same of the other selection; ids of another kind say nothing.
    other = ["show", "max_min.npz", "--against", "named.npz", "--data", "data", "-o", "page.html"]
    assert main([*other, "--ids", "reversed.txt"]) == 3
    assert not (folder / "page.html").exists()
    Path("others.txt").write_text("\n".join(f"name-{row}" for row in range(N)))
    assert main([*show, "--ids", "others.txt"]) == 0


def test_selections_that_give_a_row_two_ids_are_refused(folder, capsys):
    select = ["select", "embeddings.npy", "-n", "10", "--method", "max_min"]
    for name, order in (("named", 1), ("renamed", -1)):
        Path("ids.txt").write_text("\n".join([f"doc-{row}" for row in range(N)][::order]))
        assert main([*select, "--ids", "ids.txt", "-o", f"{name}.npz"]) == 0
    capsys.readouterr()
    show = ["show", "named.npz", "--against", "renamed.npz", "--data", "data", "-o", "page.html"]
    assert main(show) == 3
    row = int(thinset.Selection.load("named.npz").indices.min())
    message = f"row {row} is 'doc-{row}' in the one and 'doc-{N - 1 - row}' in the other"
    assert message in capsys.readouterr().err
    assert not (folder / "page.html").exists()
