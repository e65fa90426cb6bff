from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

from thinset.data import export_subset

LINES = [
    b'{"id": "a", "text": "one"}\n',
    b'{"id":"b" , "text": "two \\u00e9"}\r\n',
    b"\n",
    '{"id": "ç", "text": "three é"}\n'.encode(),
    b'  {"id": 4, "text": [1.50, 1e400]}\n',
    b"   \r\n",
    b'{"id": "e"}',
]
SAMPLES = [line.rstrip(b"\r\n") + b"\n" for line in LINES if line.strip()]


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"".join(LINES))
    return path


@pytest.mark.parametrize(("order", "rows"), [("file", [0, 1, 3, 4]), ("selection", [4, 0, 3, 1])])
def test_lines_are_taken_byte_for_byte(tmp_path, lines, order, rows):
    written = export_subset([4, 0, 3, 1], lines, tmp_path / "out.jsonl", order=order)
    assert written == (tmp_path / "out.jsonl", "jsonl", 4)
    assert (tmp_path / "out.jsonl").read_bytes() == b"".join(SAMPLES[row] for row in rows)


@pytest.mark.parametrize("order", ["file", "selection"])
def test_lines_by_id(tmp_path, lines, order):
    of_all = ["x", "ç", "4", "a"]
    export_subset([2, 3], lines, tmp_path / "out.jsonl", ids=of_all, id_column="id", order=order)
    chosen = [SAMPLES[3], SAMPLES[0]]
    expected = chosen if order == "selection" else chosen[::-1]
    assert (tmp_path / "out.jsonl").read_bytes() == b"".join(expected)
    export_subset(["b"], lines, tmp_path / "b.jsonl", id_column="id")
    assert (tmp_path / "b.jsonl").read_bytes() == SAMPLES[1]


def test_shards_and_compression(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    samples = [json.dumps({"n": n}).encode() + b"\n" for n in range(10)]
    (folder / "train-0.jsonl").write_bytes(b"".join(samples[:4]))
    (folder / "train-1.jsonl.gz").write_bytes(gzip.compress(b"".join(samples[4:])))
    (folder / "test-0.jsonl").write_bytes(b'{"n": -1}\n')
    export_subset([9, 2, 5], folder, tmp_path / "out")
    assert (tmp_path / "out" / "train-0.jsonl").read_bytes() == samples[2]
    found = gzip.decompress((tmp_path / "out" / "train-1.jsonl.gz").read_bytes())
    assert found == samples[5] + samples[9]
    assert not (tmp_path / "out" / "test-0.jsonl").exists()
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        export_subset([9, 2, 5], folder, tmp_path / name, order="selection")
    content = (tmp_path / "a.jsonl.gz").read_bytes()
    assert gzip.decompress(content) == samples[9] + samples[2] + samples[5]
    assert content == (tmp_path / "b.jsonl.gz").read_bytes()
    export_subset([0], folder, tmp_path / "test.jsonl", split="test")
    assert (tmp_path / "test.jsonl").read_bytes() == b'{"n": -1}\n'
    with pytest.raises(ValueError, match=r"splits \['test', 'train'\], got 'validation'"):
        export_subset([0], folder, tmp_path / "none", split="validation")


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b'{"id": 1}\n{"id": 1}\n', {}, r"line 2 has the id '1', as .*x.jsonl, line 1 has"),
        (b'{"id": 1}\n{"id": "1"}\n', {}, r"line 2 has the id '1'"),
        (b'{"id": 1}\n\n{"i\n', {}, r"x\.jsonl, line 3 is no JSON"),
        (b'{"id": 1}\n[1]\n', {}, r"line 2 must be a JSON object with the entry 'id'"),
        (b'{"id": 1}\n{"uid": 2, "t": 0}\n', {}, r"line 2 has no entry 'id'; it has uid, t"),
        (b'{"id": 1}\n{"id": 1.5}\n', {}, r"texts or integers: entry .*line 2 is 1.5"),
        (b'{"id": 1}\n{"id": true}\n', {}, r"line 2 is True"),
        (b'{"id": 2}\n', {}, r"does not have 1 chosen id: '1'"),
        (b'{"id": ' + b"[" * 100_000, {}, r"line 1 is no JSON"),
    ],
)
def test_what_is_no_line_with_an_id(tmp_path, content, options, message):
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        export_subset(["1"], tmp_path / "x.jsonl", tmp_path / "out.jsonl", id_column="id")
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]


@pytest.mark.parametrize(
    ("selection", "options", "message"),
    [
        ([5], {}, "position 0 holds 5"),
        ([True] * 4, {}, "made from 4 samples, but .* has 5"),
        (["a"], {}, "found by ids in one of their entries; name it with id_column="),
        ([1], {"order": "selection"}, "give an output that ends with .jsonl"),
    ],
)
def test_what_is_refused(tmp_path, lines, selection, options, message):
    source = [lines, lines.with_name("b.jsonl")] if options else lines
    lines.with_name("b.jsonl").write_bytes(lines.read_bytes())
    with pytest.raises(ValueError, match=message):
        export_subset(selection, source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
@pytest.mark.parametrize("out", ["out", "out.gz"])
def test_one_file_becomes_a_folder_of_one(tmp_path, name, out):
    content = b'{"n": 1}\n{"n": 2}\n'
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    export_subset([1], tmp_path / name, tmp_path / out)
    written = (tmp_path / out / name).read_bytes()
    assert (gzip.decompress(written) if name.endswith(".gz") else written) == b'{"n": 2}\n'


def test_a_truncated_gzip_file_is_refused(tmp_path):
    content = gzip.compress(np.random.default_rng(0).bytes(2000).hex().encode() + b"\n")
    (tmp_path / "x.jsonl.gz").write_bytes(content[:-300])
    with pytest.raises(ValueError, match=r"x\.jsonl\.gz is damaged or truncated"):
        export_subset([0], tmp_path / "x.jsonl.gz", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_the_source_is_never_replaced(tmp_path, lines):
    with pytest.raises(ValueError, match="would replace its own source"):
        export_subset([0], lines, lines, overwrite=True)
    assert lines.read_bytes() == b"".join(LINES)


def test_a_full_folder_for_temporary_files_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.jsonl").write_text('{"n": 1}\n{"n": 2}\n')
    full = Path("/dev/full")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full.open("r+b", buffering=0))
    monkeypatch.setattr(tempfile, "tempdir", "/scratch")
    with pytest.raises(OSError, match="No space left .*: /scratch holds .* variable TMPDIR"):
        export_subset([1], tmp_path / "x.jsonl", tmp_path / "o.jsonl", order="selection")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.jsonl"]
