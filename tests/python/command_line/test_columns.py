"""Files with one entry per row, and columns of parquet files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import thinset
from thinset.command_line import main
from thinset.command_line.columns import column_files, read_column, read_ids


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a\n\nb\n", "line 2 is empty"), (b"", "holds no ids"), (b"\xff\n", "is not UTF-8")],
)
def test_files_of_ids_are_checked(tmp_path, content, message):
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"x\.txt.*{message}"):
        read_ids(tmp_path / "x.txt")


@pytest.mark.parametrize(
    "array", [np.array([1.5]), np.array([["a"]]), np.array(["a", None], dtype=object)]
)
def test_arrays_of_ids_are_checked(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ValueError, match=r"x\.npy"):
        read_ids(tmp_path / "x.npy")


@pytest.mark.parametrize("array", [np.array(["1", "ü"]), np.array([1, 2])])
def test_arrays_of_ids_are_texts(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    assert read_ids(tmp_path / "x.npy") == [str(value) for value in array.tolist()]


def test_lines_are_text_as_they_are(tmp_path):
    (tmp_path / "x").write_bytes("a b\r\n\u2028 c\x0b\n3".encode())
    assert read_column(tmp_path / "x").tolist() == ["a b", "\u2028 c\x0b", "3"]


def test_a_byte_order_mark_is_not_part_of_the_first_line(tmp_path):
    (tmp_path / "x.txt").write_text("a\nb\n", "utf-8-sig")
    assert read_column(tmp_path / "x.txt").tolist() == ["a", "b"]
    assert read_ids(tmp_path / "x.txt") == ["a", "b"]


def test_names_of_files_may_be_any_bytes(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"\xff\xfe.npy")
    np.save("x.npy", np.random.default_rng(0).standard_normal((6, 2)))
    with open(name, "wb") as file:
        np.save(file, np.arange(6))
    assert read_column(Path(name)).tolist() == list(range(6))
    words = ["select", "x.npy", "-n", "4", "-o", "s.npz", "-m", "random"]
    assert main([*words, "--labels", name, "--per-class", "balanced", "--ids", name]) == 0
    assert main(["subset", name, "x.npy", "-o", "out"]) == 3
    assert "x.npy is of no known kind" in capsys.readouterr().err  # the selection could be read


def test_a_parquet_file_needs_a_column(tmp_path):
    with pytest.raises(ValueError, match=r"x\.pq is a parquet file; name the column .* x\.pq:NAME"):
        read_column(Path("x.pq"))


@pytest.mark.parametrize(
    ("option", "content"),
    [("exclude", "integers or booleans"), ("scores", "numbers"), ("costs", "numbers")],
)
def test_lines_of_text_are_no_numbers(tmp_path, capsys, option, content):
    np.save(tmp_path / "x.npy", np.eye(4))
    (tmp_path / "lines.txt").write_text("1\n2\n3\n4\n")
    lines = str(tmp_path / "lines.txt")
    command = [str(tmp_path / "x.npy"), f"--{option}", lines, "-o", str(tmp_path / "o.npz")]
    assert main(["select", *command, "-n", "1"]) == 3
    error = capsys.readouterr().err
    assert f"{lines} must hold {content}, got text; give a .npy file or a column, FILE" in error
    if option == "scores":
        assert main(["deduplicate", command[0], "-d", "0", "--keep", lines]) == 3
        assert f"{lines} must hold numbers, got text" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", ["select -n 3 -o x.npz", "deduplicate -d 0", "subset chosen.npz -o x"]
)
def test_files_to_read_are_required(capsys, words):
    assert main(words.split()) == 2
    assert "missing " in capsys.readouterr().err


@pytest.fixture
def documents(tmp_path, monkeypatch):
    """Embeddings, quality, tokens and source of 300 documents, in two parquet files."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 6)).astype(np.float16)
    columns = {
        "id": [f"doc-{n}" for n in range(300)],
        "emb": list(x),
        "quality": rng.uniform(0.1, 1, 300).astype(np.float32),
        "tokens": rng.integers(10, 100, 300).astype(np.int32),
        "source": pa.array([f"site {n % 7}" for n in range(300)]).dictionary_encode(),
        "holes": pa.array([None if n == 250 else 1.0 for n in range(300)]),
    }
    table = pa.table(columns)
    pq.write_table(table[:120], "a.parquet", row_group_size=50)
    pq.write_table(table[120:], "b.parquet", row_group_size=50)
    return x, {name: table[name].to_numpy() for name in ("quality", "tokens", "source", "id")}


def test_columns_of_parquet(documents):
    _, columns = documents
    both = [Path("a.parquet"), Path("b.parquet")]
    for name, expected in columns.items():
        found = read_column(Path(f":{name}"), both)
        assert found.tolist() == expected.tolist()
        alone = read_column(Path(f"b.parquet:{name}"))
        assert alone.tolist() == expected[120:].tolist()
        assert column_files(Path(f":{name}"), both) == both
    assert read_ids(Path("a.parquet:id")) == [f"doc-{n}" for n in range(120)]
    for path, message in (
        (":x", "a.parquet has no column 'x'; it has id, emb, quality"),
        (":holes", "b.parquet: column 'holes' has no entry in row 130"),
        ("a.parquet:emb", "column 'emb' must hold numbers or texts, got list"),
    ):
        with pytest.raises(ValueError, match=message):
            read_column(Path(path), both)
    with pytest.raises(ValueError, match="write FILE.parquet:NAME"):
        read_column(Path(":quality"), [Path("x.npy")])


def test_names_of_columns_hold_colons(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"meta:score": [1.5, 2.5], "y.parquet:z": [3, 4]}), path)
    for name, expected in (("meta:score", [1.5, 2.5]), ("y.parquet:z", [3, 4])):
        assert read_column(Path(f":{name}"), [path]).tolist() == expected
        assert read_column(Path(f"{path}:{name}")).tolist() == expected


def test_labels_are_a_column(documents, capsys):
    x, columns = documents
    command = ["select", "a.parquet", "b.parquet", "--column", "emb", "-n", "20", "-o", "sel.npz"]
    assert main([*command, "--labels", ":tokens", "--per-class", "proportional"]) == 0, (
        capsys.readouterr().err
    )
    expected = thinset.select(x, 20, labels=columns["tokens"], per_class="proportional")
    assert thinset.Selection.load("sel.npz").indices.tolist() == expected.indices.tolist()


def test_quality_diversity_and_a_budget_from_one_table(documents, capsys):
    """The embeddings, scores, costs and ids are columns; the subset has all of them."""
    import pyarrow.parquet as pq

    x, columns = documents
    command = ["select", "a.parquet", "b.parquet", "--column", "emb", "-m", "max_min"]
    terms = ["--scores", ":quality", "--costs", ":tokens", "--budget", "1500", "--ids", ":id"]
    assert main([*command, *terms, "-o", "sel.npz"]) == 0, capsys.readouterr().err
    found = thinset.Selection.load("sel.npz")
    expected = thinset.select(
        x, None, "max_min", scores=columns["quality"], costs=columns["tokens"], budget=1500
    )
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.ids.tolist() == [f"doc-{n}" for n in found.indices]
    data = ["sel.npz", "a.parquet", "b.parquet"]
    assert main(["subset", *data, "-o", "rows.parquet", "--order", "selection"]) == 0
    by_id = ["--id-column", "id", "--order", "selection"]
    assert main(["subset", *data, "-o", "ids.parquet", *by_id]) == 0
    for name in ("rows.parquet", "ids.parquet"):
        table = pq.read_table(name)
        assert table["id"].to_pylist() == found.ids.tolist()
        assert sum(table["tokens"].to_pylist()) <= 1500
        assert len(table.schema.names) == 6
    assert main([*command, *terms, "-o", "direct.parquet", "--objective"]) == 0
    assert "radius" in capsys.readouterr().out
    table = pq.read_table("direct.parquet")
    assert table["id"].to_pylist() == [f"doc-{n}" for n in sorted(found.indices)]
    assert len(table.schema.names) == 6
    np.save("emb.npy", x)
    assert main(["select", "emb.npy", "-n", "5", "-o", "direct.parquet"]) == 3
    assert "the embeddings are in emb.npy; name another output" in capsys.readouterr().err
    for wrong in ("a.parquet", "b.parquet"):
        assert main([*command, *terms, "-o", wrong]) == 3
    assert "would replace its own source" in capsys.readouterr().err


def test_rows_owned_already_have_the_same_column(documents):
    x, _ = documents
    found = thinset.select("b.parquet", 5, "max_min", column="emb", existing="a.parquet")
    expected = thinset.select(x[120:], 5, "max_min", existing=x[:120])
    assert found.indices.tolist() == expected.indices.tolist()


def test_other_rows_may_be_in_a_column_of_their_own(documents, capsys):
    import pyarrow as pa
    import pyarrow.parquet as pq

    x, _ = documents
    lists = pa.array(list(x[:120].astype(np.float16)), pa.list_(pa.float16()))
    pq.write_table(pa.table({"vec": lists, "more": lists}), "owned.parquet")
    words = ["select", "b.parquet", "--column", "emb", "-n", "5", "-m", "max_min", "-o", "s.npz"]
    assert main([*words, "--existing", "owned.parquet:vec"]) == 0, capsys.readouterr().err
    expected = thinset.select(x[120:], 5, "max_min", existing=x[:120])
    assert thinset.Selection.load("s.npz").indices.tolist() == expected.indices.tolist()
    assert main([*words, "--existing", "owned.parquet"]) == 3
    assert "existing: 'owned.parquet': 'owned.parquet' has no column" in capsys.readouterr().err
    assert main([*words, "--existing", "owned.parquet:vec", "-o", "owned.parquet"]) == 3
    assert "would replace its own source" in capsys.readouterr().err
    words = ["deduplicate", "a.parquet", "b.parquet", "--column", "emb", "-d", "0"]
    assert main([*words, "--against", "owned.parquet:vec"]) == 0
    assert "rows near one of owned.parquet:vec: 120" in capsys.readouterr().out
    with pytest.raises(ValueError, match="against_column needs against"):
        thinset.deduplicate(x, 0, against_column="vec")


def test_near_duplicates_are_left_out_of_one_table(documents, capsys):
    """Deduplicated, chosen by quality and diversity within a budget, written with all columns."""
    import pyarrow.parquet as pq

    x, columns = documents
    command = ["select", "a.parquet", "b.parquet", "--column", "emb", "-m", "max_min"]
    terms = ["--scores", ":quality", "--costs", ":tokens", "--budget", "1500"]
    status = main([*command, *terms, "--dedup-distance", "1.5", "-o", "few.parquet"])
    assert status == 0, capsys.readouterr().err
    groups = thinset.deduplicate(x, 1.5, keep=columns["quality"])
    assert len(groups) < 200
    expected = thinset.select(
        x, None, "max_min", among=groups.representatives, scores=columns["quality"],
        costs=columns["tokens"], budget=1500,
    )  # fmt: skip
    written = pq.read_table("few.parquet")["id"].to_pylist()
    assert written == [f"doc-{n}" for n in sorted(expected.indices)]

    # The same in two steps, which also show what was found.
    command = ["deduplicate", "a.parquet", "b.parquet", "--column", "emb", "-d", "1.5"]
    assert main([*command, "--keep", ":quality", "-o", "kept.npy"]) == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"groups: {len(groups)} of 300 rows, up to {groups.sizes.max()} in one",
        f"rows that remain: {len(groups)}",
        "kept.npy",
    ]
    np.testing.assert_array_equal(np.load("kept.npy"), groups.representatives)
    assert main([*command, "--keep", ":quality", "-o", "kept.parquet"]) == 0
    kept = pq.read_table("kept.parquet")["id"].to_pylist()
    assert kept == [f"doc-{n}" for n in groups.representatives]


def test_rows_near_another_set_do_not_remain(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    np.save("x.npy", np.concatenate([x, x[:2] + 0.1]))
    np.save("test.npy", x[3:5])
    command = ["deduplicate", "x.npy", "--distance", "0.5", "--against", "test.npy"]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines() == [
        "groups: 6 of 8 rows, up to 2 in one",
        "rows near one of test.npy: 2",
        "rows that remain: 4",
    ]
    assert main([*command, "-o", "kept.npy"]) == 0
    assert np.load("kept.npy").tolist() == [0, 1, 2, 5]
    for words, status, message in (
        (["-o", "kept.txt"], 2, "must end in .npy or .parquet"),
        (["-o", "kept.parquet"], 3, "the embeddings are in x.npy"),
        (["-d", "9", "-o", "none.npy"], 3, "no row remains"),
        (["-d", "-1"], 3, "distance must be"),
    ):
        assert main([*command, *words]) == status
        assert message in capsys.readouterr().err
    assert not (tmp_path / "none.npy").exists()
