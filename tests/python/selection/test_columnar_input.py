"""Embeddings in columns of lists and in named tensors: every form gives the rows of the matrix."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import thinset
from thinset.selection.matrix_input import as_matrix, require_npy_matrix

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pq = pytest.importorskip("pyarrow.parquet")
pandas = pytest.importorskip("pandas")

N, D = 60, 5
TYPES = ["float16", "float32", "float64"]


def values(dtype="float32", n=N):
    return np.random.default_rng(7).standard_normal((n, D)).astype(dtype)


def fixed(matrix):
    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1])


def ragged_type(matrix, large=False):
    kind, offset = (pa.LargeListArray, pa.int64()) if large else (pa.ListArray, pa.int32())
    offsets = pa.array(np.arange(len(matrix) + 1) * matrix.shape[1], offset)
    return kind.from_arrays(offsets, pa.array(matrix.ravel()))


class Stream:
    """A table of a library that is not known here."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


class CArray:
    def __init__(self, array):
        self._array = array

    def __arrow_c_array__(self, requested_schema=None):
        return self._array.__arrow_c_array__(requested_schema)


def table(lists):
    ids = pa.array([f"id-{i}" for i in range(len(lists))])
    return pa.table({"id": ids, "emb": lists, "score": pa.array(np.arange(len(lists)) / 7)})


FORMS = {
    "fixed-size lists": lambda x: fixed(x),
    "lists": lambda x: ragged_type(x),
    "large lists": lambda x: ragged_type(x, large=True),
    "chunks": lambda x: pa.chunked_array([fixed(x[:7]), fixed(x[7:7]), fixed(x[7:])]),
    "a slice": lambda x: fixed(np.concatenate([x[:3], x, x[:2]]))[3 : 3 + len(x)],
    "a slice of lists": lambda x: ragged_type(np.concatenate([x[:3], x]))[3:],
    "tensors": lambda x: pa.FixedShapeTensorArray.from_numpy_ndarray(x),
    "table": lambda x: table(fixed(x)),
    "record batch": lambda x: table(ragged_type(x)).to_batches()[0],
    "stream": lambda x: Stream(table(pa.chunked_array([fixed(x[:9]), fixed(x[9:])]))),
    "stream of lists": lambda x: Stream(pa.chunked_array([ragged_type(x)])),
    "C array": lambda x: CArray(fixed(x)),
    "C array of rows": lambda x: CArray(table(fixed(x)).to_batches()[0]),
    "frame of arrays": lambda x: pandas.DataFrame({"id": range(len(x)), "emb": list(x)}),
    "series of arrays": lambda x: pandas.Series(list(x)),
    "Arrow series": lambda x: pandas.Series(pandas.arrays.ArrowExtensionArray(fixed(x))),
    "shards": lambda x: [fixed(x[:9]), table(ragged_type(x[9:20])), np.ascontiguousarray(x[20:])],
}


if not hasattr(pa.ChunkedArray, "__arrow_c_stream__"):
    del FORMS["stream of lists"]  # older versions cannot even make one


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_rows_of_the_matrix(form, dtype):
    x = values(dtype)
    matrix = as_matrix(FORMS[form](x))
    assert matrix.dtype_name == dtype
    np.testing.assert_array_equal(np.concatenate(matrix.arrays), x)
    expected = thinset.select(x, 9, "max_min")
    found = thinset.select(FORMS[form](x), 9, "max_min")
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.gains.tolist() == expected.gains.tolist()
    assert found.params["dtype"] == dtype


@pytest.mark.parametrize("form", ["fixed-size lists", "lists", "chunks", "a slice", "stream"])
def test_arrow_lists_are_not_copied(form):
    arrays = as_matrix(FORMS[form](values())).arrays
    assert not any(array.flags.owndata for array in arrays)
    shared = fixed(values())
    buffer = np.frombuffer(shared.buffers()[2], np.float32)
    assert np.shares_memory(as_matrix(shared).arrays[0], buffer)


def write_parquet(path, lists, **options):
    pq.write_table(table(lists), path, **options)
    return str(path)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", ["fixed-size lists", "lists", "large lists"])
def test_parquet_files(tmp_path, dtype, kind):
    x = values(dtype)
    whole = write_parquet(tmp_path / "e.parquet", FORMS[kind](x), row_group_size=13)
    shards = [
        write_parquet(tmp_path / f"e-{i}.parquet", FORMS[kind](part))
        for i, part in enumerate(np.split(x, [1, 40]))
    ]
    for source in (whole, tmp_path / "e.parquet", shards, [x[:1], *shards[1:]]):
        matrix = as_matrix(source)
        assert matrix.dtype_name == dtype
        np.testing.assert_array_equal(np.concatenate(matrix.arrays), x)
    expected = thinset.select(x, 9, "facility_location")
    found = thinset.select(shards, 9, "facility_location")
    assert found.indices.tolist() == expected.indices.tolist()
    assert thinset.estimate(shards, 9).memory_bytes == thinset.estimate(x, 9).memory_bytes
    found = thinset.select(whole, 9, "max_min", column="emb")
    assert found.params["column"] == "emb"
    expected = thinset.select(x, 9, "max_min")
    # The selection knows which column its figures are computed from.
    assert found.objective_from(whole) == expected.objective_from(x)
    assert found.objective_from(x) == expected.objective_from(x)
    with pytest.raises(ValueError, match="would replace its own source"):
        found.save(whole)
    groups = thinset.deduplicate(whole, 1.0, column="emb")
    assert groups.groups.tolist() == thinset.deduplicate(x, 1.0).groups.tolist()


def test_parquet_is_decoded_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("thinset.selection.parquet_input._NUMBERS_AT_ONCE", 4 * D)
    x = values()
    path = write_parquet(tmp_path / "e.parquet", ragged_type(x), row_group_size=13)
    np.testing.assert_array_equal(as_matrix(path).arrays[0], x)


def test_the_scratch_file_leaves_no_name(tmp_path, monkeypatch):
    import tempfile

    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    path = write_parquet(tmp_path / "e.parquet", fixed(values()))
    matrix = as_matrix(path)
    assert isinstance(matrix.arrays[0], np.memmap)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_full_disk_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    def full(descriptor, offset, length):
        raise OSError(28, "No space left on device")

    path = write_parquet(tmp_path / "e.parquet", fixed(values()))
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"needs 1,200 free bytes .* TMPDIR"):
        as_matrix(path)


def test_arrow_files_are_mapped(tmp_path):
    x = values()
    content = table(fixed(x))
    with pa.ipc.new_stream(str(tmp_path / "e.arrow"), content.schema) as writer:
        writer.write_table(content, max_chunksize=11)
    with pa.ipc.new_file(str(tmp_path / "e.feather"), content.schema) as writer:
        writer.write_table(content)
    for name in ("e.arrow", "e.feather"):
        matrix = as_matrix(str(tmp_path / name))
        np.testing.assert_array_equal(np.concatenate(matrix.arrays), x)
        assert not any(array.flags.owndata for array in matrix.arrays)


def write_safetensors(path, tensors, offset=0):
    header, data = {"__metadata__": {"by": "a test"}}, b""
    for name, (kind, array) in tensors.items():
        content = array.tobytes()
        header[name] = {
            "dtype": kind,
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header).encode()
    text += b" " * ((-len(text)) % 8 + offset)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return str(path)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("F16", "float16"), ("F32", "float32"), ("F64", "float64")]
)
@pytest.mark.parametrize("offset", [0, 1, 4])
def test_safetensors_files(tmp_path, kind, dtype, offset):
    x = values(dtype)
    tensors = {"labels": ("I64", np.arange(N)), "emb": (kind, x), "bias": (kind, x[0])}
    path = write_safetensors(tmp_path / "e.safetensors", tensors, offset)
    matrix = as_matrix(path)
    np.testing.assert_array_equal(matrix.arrays[0], x)
    assert matrix.dtype_name == dtype
    assert isinstance(matrix.arrays[0], np.memmap)
    expected = thinset.select(x, 9, "max_min").indices.tolist()
    assert thinset.select(path, 9, "max_min", column="emb").indices.tolist() == expected


def test_bfloat16_and_what_the_library_writes(tmp_path):
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    x = torch.from_numpy(values()).bfloat16()
    save_file({"emb": x, "ids": torch.arange(N)}, tmp_path / "e.safetensors")
    found = thinset.select(tmp_path / "e.safetensors", 9, "max_min")
    assert found.indices.tolist() == thinset.select(x, 9, "max_min").indices.tolist()
    assert found.params["dtype"] == "bfloat16"


def hole(x):
    content = x.copy()
    content[17, 3] = np.nan
    return content


def with_null(at):
    rows = values("float64").tolist()
    if at is None:
        rows[17] = None
    else:
        rows[17][at] = None
    return pa.array(rows)


def short_row():
    rows = values("float64").tolist()
    rows[17] = rows[17][:3]
    return pa.array(rows)


REFUSED = {
    "ragged": (short_row(), r"one length: row 17 has 3 numbers, the rows before it have 5"),
    "no list": (with_null(None), r"column 'emb' has no list in row 17; remove the row"),
    "no number": (with_null(2), r"missing number in row 17, column 2"),
    "NaN": (fixed(hole(values())), r"finite: row 17, column 3 is nan"),
    "integers": (pa.array(np.ones((N, D), int).tolist()), r"lists of int64; convert .*cast"),
    "no lists": (pa.array(np.arange(N)), r"no column of embeddings .*has 'id', 'emb', 'score'"),
    "lists of texts": (pa.array([["a"]] * N), r"no column of embeddings"),
    "no rows": (fixed(values())[:0], "embeddings must have at least one row, got none"),
    "no columns": (pa.array([[]] * N, pa.list_(pa.float32())), "at least one row and one column"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_and_what_to_do(tmp_path, case):
    lists, message = REFUSED[case]
    path = write_parquet(tmp_path / "e.parquet", lists, row_group_size=10)
    with pytest.raises(ValueError, match=message) as caught:
        thinset.select(path, 2, "max_min")
    if case not in ("no rows", "no columns"):
        assert "e.parquet" in str(caught.value)
    # Frames without lists are matrices of their columns.
    if case not in ("no lists", "lists of texts"):
        with pytest.raises(ValueError, match=message):
            thinset.select(table(lists), 2, "max_min")
    if case in ("ragged", "NaN"):
        first = write_parquet(tmp_path / "f.parquet", lists.cast(pa.list_(pa.float32()))[:5])
        path = write_parquet(tmp_path / "g.parquet", lists.cast(pa.list_(pa.float32())))
        with pytest.raises(ValueError, match=r"row 17.*|row 22.*row 17 of .*g\.parquet"):
            thinset.select([first, path], 2, "max_min")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([np.ones(3), np.ones(2)], "one length: row 1 has 2 numbers"),
        ([np.ones(3), None], "in every row: row 1 holds None; remove the row"),
        ([np.ones(3), np.ones((3, 1))], r"row 1 holds float64 of shape \(3, 1\)"),
        ([np.ones(3), np.ones(3, int)], "row 1 holds int64"),
        ([[1.0, 2.0], ["a", "b"]], "row 1 holds <U1"),
        ([[1.0, 2.0], [1.0, np.nan]], "finite: row 1, column 1 is nan"),
    ],
)
def test_objects_in_a_frame_are_checked_row_by_row(rows, message):
    frame = pandas.DataFrame({"emb": pandas.Series(rows, dtype=object)})
    with pytest.raises(ValueError, match=message):
        thinset.select(frame, 1, "max_min")


def test_lists_of_python_numbers_in_a_frame():
    frame = pandas.DataFrame({"emb": [[1, 2], [3.5, 4]]})
    assert as_matrix(frame).arrays[0].tolist() == [[1.0, 2.0], [3.5, 4.0]]


def test_several_columns_need_a_choice(tmp_path):
    x = values()
    both = pa.table({"a": fixed(x), "b": fixed(x[::-1].copy()), "n": pa.array(np.arange(N))})
    pq.write_table(both, tmp_path / "e.parquet")
    save = {"a": ("F32", x), "b": ("F32", x[::-1].copy()), "n": ("I64", np.arange(N))}
    tensors = write_safetensors(tmp_path / "e.safetensors", save)
    frame = pandas.DataFrame({"a": list(x), "b": list(x[::-1]), "n": range(N)})
    for source in (both, tmp_path / "e.parquet", tensors, Stream(both), frame):
        with pytest.raises(ValueError, match=r"several .*'a', 'b'; choose one with column="):
            thinset.select(source, 3)
        with pytest.raises(ValueError, match=r"no .* named 'c'; it has 'a', 'b', 'n'"):
            thinset.select(source, 3, column="c")
        with pytest.raises(ValueError, match="'n'"):
            thinset.select(source, 3, column="n")
        np.testing.assert_array_equal(np.concatenate(as_matrix(source, "b").arrays), x[::-1])


def test_a_column_of_what_has_none_is_refused(tmp_path):
    np.save(tmp_path / "e.npy", values())
    for source, name in ((values(), "ndarray"), (tmp_path / "e.npy", "e.npy")):
        with pytest.raises(ValueError, match=f"column='emb' does not apply to .*{name}"):
            thinset.select(source, 3, column="emb")


def test_where_only_npy_files_are_read_others_are_refused(tmp_path):
    write_parquet(tmp_path / "e.parquet", fixed(values()))
    np.save(tmp_path / "e.npy", values())
    require_npy_matrix(tmp_path / "e.npy")
    with pytest.raises(ValueError, match=r"e\.parquet' must be a \.npy file here; numpy\.save"):
        require_npy_matrix(tmp_path / "e.parquet")


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "safetensors"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"\xff" * 100, b"\x08" + bytes(15)])
def test_damaged_files_are_refused_by_name(tmp_path, suffix, content):
    path = tmp_path / f"e.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"e\.{suffix}"):
        thinset.select(path, 1)
    with pytest.raises(FileNotFoundError):
        thinset.select(tmp_path / f"none.{suffix}", 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_offsets": [0, 10**9]}, "header is damaged: .*offsets"),
        ({"data_offsets": [-4, 1196]}, "header is damaged"),
        ({"data_offsets": [2**60, 2**60 + 1200]}, "truncated"),
        ({"data_offsets": "ab"}, "header is damaged"),
        ({"shape": [N, -5]}, "header is damaged: the shape"),
        ({"shape": [2**40, D]}, "header is damaged"),
        ({"shape": [N * D]}, "no 2-D tensor of floats"),
        ({"dtype": "F8_E4M3"}, "no 2-D tensor of floats"),
        ({"dtype": ["F32"]}, "no 2-D tensor of floats"),
    ],
)
def test_hostile_safetensors_headers_are_refused(tmp_path, change, message):
    entry = {"dtype": "F32", "shape": [N, D], "data_offsets": [0, 1200], **change}
    text = json.dumps({"emb": entry}).encode()
    content = len(text).to_bytes(8, "little") + text + values().tobytes()
    (tmp_path / "e.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        thinset.select(tmp_path / "e.safetensors", 1)


def test_truncated_files_are_refused(tmp_path):
    path = tmp_path / "e.safetensors"
    write_safetensors(path, {"emb": ("F32", values())})
    content = path.read_bytes()
    for length in range(0, len(content), 40):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"e\.safetensors'?: .*(truncated|damaged)"):
            thinset.select(path, 1)


def test_polars_frames():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    for dtype in TYPES:
        x = values(dtype)
        inner = getattr(polars, dtype.capitalize(), None)
        if inner is None:
            continue
        arrays = polars.Series("emb", x.astype("float64").tolist(), dtype=polars.Array(inner, D))
        lists = arrays.cast(polars.List(inner))
        two = polars.concat([lists[:9], lists[9:]], rechunk=False)
        for source in (
            arrays,
            lists,
            two,
            polars.DataFrame({"id": range(N), "emb": arrays}),
            polars.DataFrame({"emb": two}),
        ):
            matrix = as_matrix(source)
            assert matrix.dtype_name == dtype
            np.testing.assert_array_equal(np.concatenate(matrix.arrays), x)
    rows = values("float64").tolist()
    for at, message in (
        (None, "no list in row 17"),
        (2, "missing number in row 17, column 2"),
        ("short", "row 17 has 3 numbers"),
    ):
        changed = [list(row) for row in rows]
        changed[17] = None if at is None else changed[17][:3] if at == "short" else changed[17]
        if at == 2:
            changed[17][2] = None
        with pytest.raises(ValueError, match=message):
            thinset.select(polars.DataFrame({"emb": changed}), 1)
    integers = polars.DataFrame({"emb": [[1, 2], [3, 4]], "n": [1, 2]})
    with pytest.raises(ValueError, match="lists of Int64; convert"):
        thinset.select(integers, 1)
    with pytest.raises(ValueError, match="column 'n' holds Int64"):
        thinset.select(integers, 1, column="n")


def test_hugging_face_datasets():
    datasets = pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    x = values()
    features = datasets.Features(
        {"id": datasets.Value("int64"), "emb": datasets.List(datasets.Value("float32"))}
    )
    dataset = datasets.Dataset.from_dict(
        {"id": range(N), "emb": x.tolist()}, features=features
    ).shuffle(seed=1)
    shuffled = x[dataset["id"]]
    np.testing.assert_array_equal(np.concatenate(as_matrix(dataset).arrays), shuffled)
    found = thinset.select(dataset, 5, "max_min", column="emb")
    assert found.indices.tolist() == thinset.select(shuffled, 5, "max_min").indices.tolist()


def test_the_command_selects_from_columns(tmp_path):
    x = values("float16")
    shards = [
        write_parquet(tmp_path / f"e-{i}.parquet", fixed(part))
        for i, part in enumerate(np.split(x, [30]))
    ]
    command = [sys.executable, "-m", "thinset", "select", *shards, "-n", "7", "-m", "max_min"]
    out = ["--column", "emb", "-o", str(tmp_path / "sel.npz"), "--objective"]
    for extra in (["--dry-run"], []):
        done = subprocess.run([*command, *out, *extra], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    found = thinset.Selection.load(tmp_path / "sel.npz")
    assert found.indices.tolist() == thinset.select(x, 7, "max_min").indices.tolist()
    done = subprocess.run([*command, *out[:1], "x", *out[2:]], capture_output=True, text=True)
    assert done.returncode == 3
    assert "e-0.parquet" in done.stderr
    assert "has no column named 'x'; it has 'id', 'emb', 'score'" in done.stderr


def test_without_pyarrow_the_extra_is_named(tmp_path):
    write_parquet(tmp_path / "e.parquet", fixed(values()))
    np.save(tmp_path / "e.npy", values())
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import thinset\n"
        f"print(len(thinset.select({str(tmp_path / 'e.npy')!r}, 3)))\n"
        "class Table:\n"
        "    def __arrow_c_stream__(self, schema=None): pass\n"
        f"for source in ({str(tmp_path / 'e.parquet')!r}, Table()):\n"
        "    try:\n"
        "        thinset.select(source, 3)\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "3",
        "reading parquet needs pyarrow: pip install 'thinset[parquet]'",
        "reading Arrow data of a Table needs pyarrow: pip install 'thinset[parquet]'",
    ], done.stderr
