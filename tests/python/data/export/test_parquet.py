from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thinset
from thinset.data import export_subset, import_dataset

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pq = pytest.importorskip("pyarrow.parquet")

N = 100
ROWS = [70, 3, 99, 4, 50, 51]


def table(n=N, first=0):
    numbers = np.arange(first, first + n)
    emb = np.random.default_rng(1).standard_normal((N, 4)).astype("float16")[numbers % N]
    fields = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("emb", pa.list_(pa.float16(), 4), metadata={"unit": "none"}),
        pa.field("nested", pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))])),
        pa.field("kind", pa.dictionary(pa.int32(), pa.string())),
        pa.field("when", pa.timestamp("us", "UTC")),
        pa.field("price", pa.decimal128(9, 2)),
        pa.field("blob", pa.large_binary()),
        pa.field("none", pa.int8()),
        pa.field("key", pa.int64()),
    ]
    from decimal import Decimal

    columns = [
        pa.array([f"id-{i}" for i in numbers]),
        pa.FixedSizeListArray.from_arrays(pa.array(emb.ravel()), 4),
        pa.array([{"a": i, "b": [str(i)] * (i % 3)} if i % 5 else None for i in numbers.tolist()]),
        pa.array([f"kind {i % 4} of {first}" for i in numbers]).dictionary_encode(),
        pa.array(numbers * 10**12, pa.timestamp("us", "UTC")),
        pa.array([Decimal(int(i)) / 4 for i in numbers]),
        pa.array([bytes([i % 256]) * 20 for i in numbers.tolist()], pa.large_binary()),
        pa.array([None] * n, pa.int8()),
        pa.array(numbers),
    ]
    schema = pa.schema(fields, metadata={"huggingface": '{"info": {}}', "mine": "kept"})
    return pa.Table.from_arrays(
        [c.cast(f.type) for c, f in zip(columns, fields, strict=True)], schema=schema
    )


@pytest.fixture
def one(tmp_path):
    pq.write_table(table(), tmp_path / "all.parquet", row_group_size=17, compression="zstd")
    return tmp_path / "all.parquet"


@pytest.fixture
def shards(tmp_path):
    folder = tmp_path / "in" / "data"
    folder.mkdir(parents=True)
    paths = []
    for number, (first, n) in enumerate([(0, 30), (30, 15), (45, 55)]):
        paths.append(folder / f"train-{number:05d}-of-00003.parquet")
        pq.write_table(table(n, first), paths[-1], row_group_size=7)
    return paths


def rows_of(path):
    return [int(value.removeprefix("id-")) for value in pq.read_table(path)["id"].to_pylist()]


def test_all_columns_with_schema_and_metadata(tmp_path, one):
    written = export_subset(ROWS, one, tmp_path / "out.parquet")
    assert written == (tmp_path / "out.parquet", "parquet", 6)
    found = pq.read_table(tmp_path / "out.parquet")
    expected = pq.read_table(one).take(sorted(ROWS))
    assert found.equals(expected, check_metadata=True)
    assert found.schema.metadata[b"mine"] == b"kept"
    assert found.schema.field("emb").metadata[b"unit"] == b"none"
    group = pq.ParquetFile(tmp_path / "out.parquet").metadata.row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"ZSTD"}


def test_selection_order(tmp_path, one, monkeypatch):
    monkeypatch.setattr("thinset.data.export.spool._MOST_ROWS", 2)
    rows = np.random.default_rng(0).permutation(N)[:60]
    export_subset(rows, one, tmp_path / "out.parquet", order="selection")
    found = pq.read_table(tmp_path / "out.parquet")
    expected = pq.read_table(one).take(rows)
    assert found.schema.equals(expected.schema, check_metadata=True)
    assert found.to_pylist() == expected.to_pylist()


def test_every_file_keeps_its_name(tmp_path, shards):
    export_subset(ROWS, shards, tmp_path / "out")
    names = [path.name for path in shards]
    assert [rows_of(tmp_path / "out" / name) for name in names] == [[3, 4], [], [50, 51, 70, 99]]
    empty = pq.read_table(tmp_path / "out" / names[1])
    assert empty.schema.equals(pq.read_schema(shards[1]), check_metadata=True)
    export_subset(ROWS, tmp_path / "in", tmp_path / "again")
    for name in names:
        first, second = (pq.read_table(tmp_path / out / name) for out in ("out", "again"))
        assert first.equals(second, check_metadata=True)
    export_subset([0], shards, tmp_path / "out", overwrite=True)
    assert rows_of(tmp_path / "out" / names[0]) == [0]


@pytest.mark.parametrize("order", ["file", "selection"])
def test_several_files_become_one(tmp_path, shards, order):
    export_subset(ROWS, shards, tmp_path / "out.parquet", order=order)
    expected = ROWS if order == "selection" else sorted(ROWS)
    assert rows_of(tmp_path / "out.parquet") == expected
    kinds = pq.read_table(tmp_path / "out.parquet")["kind"].to_pylist()
    firsts = {3: 0, 4: 0, 50: 45, 51: 45, 70: 45, 99: 45}
    assert kinds == [f"kind {row % 4} of {firsts[row]}" for row in expected]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_rows_of_any_shards(data):
    """As a naive table.take of all shards."""
    lengths = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=5))
    n = sum(lengths)
    rows = data.draw(st.lists(st.integers(0, max(0, n - 1)), min_size=1, unique=True)) if n else [0]
    order = data.draw(st.sampled_from(["file", "selection"]))
    with tempfile.TemporaryDirectory() as name:
        folder, first, sources = Path(name), 0, []
        for number, length in enumerate(lengths):
            sources.append(folder / f"{number}.parquet")
            size = data.draw(st.integers(1, 8))
            pq.write_table(table(length, first), sources[-1], row_group_size=size)
            first += length
        if n == 0:
            with pytest.raises(ValueError, match="position 0 holds 0"):
                export_subset(rows, sources, folder / "out.parquet")
            return
        export_subset(rows, sources, folder / "out.parquet", order=order)
        whole = pa.concat_tables([pq.read_table(source) for source in sources])
        expected = whole.take(rows if order == "selection" else sorted(rows))
        assert pq.read_table(folder / "out.parquet").to_pylist() == expected.to_pylist()
        export_subset(rows, sources, folder / "out")
        found = [pq.read_table(folder / "out" / source.name).to_pylist() for source in sources]
        expected = whole.take(sorted(rows)).to_pylist()
        assert [row for rows_of_file in found for row in rows_of_file] == expected


def test_files_of_one_name_in_several_folders(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        pq.write_table(table(10, 10 * (name == "b")), tmp_path / name / "part.parquet")
    sources = [tmp_path / "a" / "part.parquet", tmp_path / "b" / "part.parquet"]
    export_subset([1, 12], sources, tmp_path / "out")
    assert rows_of(tmp_path / "out" / "a" / "part.parquet") == [1]
    assert rows_of(tmp_path / "out" / "b" / "part.parquet") == [12]
    with pytest.raises(ValueError, match="given twice"):
        export_subset([1], [sources[0]] * 2, tmp_path / "other")


@pytest.mark.parametrize("column", ["id", "key"])
def test_rows_by_ids(tmp_path, shards, column):
    ids = [f"id-{i}" if column == "id" else i for i in range(N)]
    shuffled = np.random.default_rng(0).permutation(N)
    of_all = [ids[i] for i in shuffled]
    for source in (of_all, np.array(of_all)):
        export_subset(
            [5, 2],
            shards,
            tmp_path / "out.parquet",
            ids=source,
            id_column=column,
            order="selection",
            overwrite=True,
        )
        assert rows_of(tmp_path / "out.parquet") == [shuffled[5], shuffled[2]]
    with pytest.raises(ValueError, match="does not have 2 chosen ids: 'x', 'y'"):
        export_subset(["x", str(ids[3]), "y"], shards, tmp_path / "no", id_column=column)
    with pytest.raises(ValueError, match=r"00000-of-00003.parquet has no column 'uid'; it has id,"):
        export_subset(["x"], shards, tmp_path / "no", id_column="uid")
    with pytest.raises(ValueError, match="found by ids in a column; name it with id_column="):
        export_subset(["x"], shards, tmp_path / "no")


def test_an_id_that_is_there_twice(tmp_path):
    pq.write_table(pa.table({"id": ["a", "b", "a", None]}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"row 2 has the id 'a', as .*x.parquet, row 0 has"):
        export_subset(["a"], tmp_path / "x.parquet", tmp_path / "out", id_column="id")
    export_subset(["b"], tmp_path / "x.parquet", tmp_path / "out.parquet", id_column="id")
    assert pq.read_table(tmp_path / "out.parquet")["id"].to_pylist() == ["b"]


def test_pandas_reads_its_own_types(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"c": pandas.Categorical(list("abca")), "d": pandas.Timestamp("2020-01-01")},
        index=pandas.Index([5, 6, 7, 8], name="i"),
    )
    frame.to_parquet(tmp_path / "x.parquet")
    export_subset([3, 1], tmp_path / "x.parquet", tmp_path / "out.parquet")
    pandas.testing.assert_frame_equal(
        pandas.read_parquet(tmp_path / "out.parquet"),
        pandas.read_parquet(tmp_path / "x.parquet").iloc[[1, 3]],
    )
    frame.reset_index(drop=True).to_parquet(tmp_path / "y.parquet")
    export_subset([3, 1], tmp_path / "y.parquet", tmp_path / "z.parquet")
    assert pandas.read_parquet(tmp_path / "z.parquet")["c"].tolist() == ["b", "a"]


def test_images_of_an_imported_dataset(tmp_path):
    import io

    from PIL import Image

    def png(value):
        content = io.BytesIO()
        Image.fromarray(np.full((4, 4), value, np.uint8)).save(content, "png")
        return content.getvalue()

    images = [{"bytes": b"bad" if i == 2 else png(i), "path": f"{i}.png"} for i in range(9)]
    columns = {"image": images, "label": [i % 3 for i in range(9)], "caption": list("abcdefghi")}
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table(columns), tmp_path / "in" / "train.parquet")
    data = import_dataset(tmp_path / "in", tmp_path / "data", skip_unreadable=True)["train"]
    export_subset([7, 1, 2], data, tmp_path / "out.parquet", form="parquet", order="selection")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found["caption"].to_pylist() == ["i", "b", "d"]
    assert found["image"].to_pylist() == [images[8], images[1], images[3]]


@pytest.mark.parametrize(
    ("selection", "options", "message"),
    [
        ([N], {}, "position 0 holds 100"),
        ([True] * 99, {}, "made from 99 samples, but .*all.parquet has 100"),
        ([1], {"form": "jsonl"}, "form must be one of parquet for parquet, got 'jsonl'"),
        ([1], {"order": "random"}, "order must be 'file' or 'selection'"),
        ([1], {"order": "selection"}, "writes one file; give an output that ends with .parquet"),
        ([1], {"id_column": "id"}, "the selection holds no ids"),
        ([1], {"ids": range(N), "id_column": "id", "by": "rows"}, "does not go with by='rows'"),
    ],
)
def test_what_is_refused(tmp_path, one, shards, selection, options, message):
    source = shards if options.get("order") == "selection" else one
    with pytest.raises(ValueError, match=message):
        export_subset(selection, source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_damage_leaves_nothing(tmp_path, one):
    content = bytearray(one.read_bytes())
    content[200:2000] = bytes(1800)
    one.write_bytes(content)
    with pytest.raises(ValueError, match=r"all\.parquet is damaged"):
        export_subset(list(range(N)), one, tmp_path / "out.parquet")
    one.write_bytes(content[:3000])
    with pytest.raises(ValueError, match=r"all\.parquet is damaged"):
        export_subset([1], one, tmp_path / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet"]


def test_the_source_is_never_replaced(tmp_path, one, shards):
    before = one.read_bytes()
    (tmp_path / "link.parquet").symlink_to(one)
    for out in (one, tmp_path / "in" / ".." / "all.parquet"):
        with pytest.raises(ValueError, match="would replace its own source"):
            export_subset([1], one, out, overwrite=True)
    for out in (tmp_path / "in", tmp_path / "in" / "data"):
        with pytest.raises(ValueError, match="would replace its own source"):
            export_subset([1], shards, out, overwrite=True)
    export_subset([1], one, tmp_path / "out.parquet")
    with pytest.raises(FileExistsError, match="already exists"):
        export_subset([2], one, tmp_path / "out.parquet")
    export_subset([2], one, tmp_path / "out.parquet", overwrite=True)
    assert rows_of(tmp_path / "out.parquet") == [2]
    assert one.read_bytes() == before


def test_columns_that_differ_do_not_become_one_file(tmp_path):
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"a": [1, 2], "b": [3, 4]}), tmp_path / "b.parquet")
    sources = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    with pytest.raises(ValueError, match=r"b\.parquet has other columns .*'b'.* give a folder"):
        export_subset([0, 2], sources, tmp_path / "out.parquet")
    export_subset([0, 2], sources, tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "b.parquet").to_pylist() == [{"a": 1, "b": 3}]


def test_row_groups_stay_about_as_large(tmp_path, one):
    export_subset(range(60), one, tmp_path / "out.parquet")
    metadata = pq.ParquetFile(tmp_path / "out.parquet").metadata
    groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sum(groups) == 60
    assert max(groups) == 17


def test_memory_does_not_grow_with_the_rows(tmp_path):
    """300 MB of blobs, half of which are taken: a table of the file would not fit."""
    blob = np.random.default_rng(0).bytes(100_000)
    path = tmp_path / "large.parquet"
    schema = pa.schema([("id", pa.int64()), ("blob", pa.binary())])
    options = {"compression": "none", "use_dictionary": False, "write_batch_size": 8}
    with pq.ParquetWriter(path, schema, **options) as writer:
        for first in range(0, 3000, 300):
            writer.write_table(pa.table([range(first, first + 300), [blob] * 300], schema=schema))
    program = f"""
import re
import pyarrow.parquet
from thinset.data import export_subset
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) * 1024
before = peak()
export_subset(list(range(0, 3000, 2)), {str(path)!r}, {str(tmp_path / "out.parquet")!r})
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 220e6
    assert rows_of_large(tmp_path / "out.parquet") == list(range(0, 3000, 2))


def rows_of_large(path):
    return pq.read_table(path, columns=["id"])["id"].to_pylist()


def test_quality_and_selection_travel_together(tmp_path, one):
    """Embeddings of a parquet file select rows of the same file."""
    selection = thinset.select(one, 7, "max_min", column="emb")
    export_subset(selection, one, tmp_path / "out.parquet", order="selection")
    assert rows_of(tmp_path / "out.parquet") == selection.indices.tolist()


def test_a_full_folder_for_temporary_files_is_named(tmp_path, monkeypatch):
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "x.parquet")
    full = Path("/dev/full")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full.open("r+b", buffering=0))
    monkeypatch.setattr(tempfile, "tempdir", "/scratch")
    with pytest.raises(OSError, match="No space left .*: /scratch holds .* variable TMPDIR"):
        export_subset([1], tmp_path / "x.parquet", tmp_path / "o.parquet", order="selection")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.parquet"]
