"""Exit statuses, messages, and nothing half-written: 2 usage, 3 bad input, 4 input/output."""

from __future__ import annotations

import json
import os
import struct
import subprocess

import numpy as np
import pytest


def npy(header, data=b"", *, version=(1, 0), magic=b"\x93NUMPY"):
    text = header.encode()
    text += b" " * (-(len(magic) + 4 + len(text)) % 64)
    length = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return magic + bytes(version) + length + text + data


def header(descr="'<f4'", order="False", shape="(4, 2)"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


DATA = np.arange(8, dtype="<f4").tobytes()
# Contents of a .npy file, and what the message must say.
HOSTILE = {
    "empty": (b"", "does not start with the .npy magic string"),
    "text": (b"hello, this is not an array", "does not start with the .npy magic string"),
    "version 9": (npy(header(), DATA, version=(9, 0)), "format version 9.0 is unknown"),
    "cut inside the header": (npy(header())[:30], "ends inside the header"),
    "header length beyond the file": (b"\x93NUMPY\x01\x00\xff\xff{}", "ends inside the header"),
    "giant header": (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{}", "a header of 2147483647 bytes"),
    "truncated data": (npy(header(), DATA[:-4]), "states 32 bytes of data (shape (4, 2)"),
    "trailing data": (npy(header(), DATA + b"x"), "states 32 bytes of data"),
    "2^60 rows": (npy(header(shape=f"({2**60}, 216)"), DATA), "more bytes than 63 bits"),
    "2^64 rows": (npy(header(shape=f"({2**64},)"), DATA), "an axis longer than 2^64 - 1"),
    "negative rows": (npy(header(shape="(-4, 2)"), DATA), "must be a non-negative integer"),
    "rows of floats": (npy(header(shape="(4.0, 2)"), DATA), "expected ')'"),
    "65 axes": (npy(header(shape="(" + "1, " * 65 + ")"), DATA[:4]), "more than 64 axes"),
    "Fortran order": (npy(header(order="True"), DATA), "Fortran order"),
    "order of 1": (npy(header(order="1"), DATA), "must be True or False"),
    "objects": (npy(header(descr="'|O'"), DATA), "holds Python objects"),
    "structured": (npy(header(descr="[('a', '<f4')]"), DATA), "structured element types"),
    "a float of 3 bytes": (npy(header(descr="'<f3'"), DATA), "element type '<f3' is unknown"),
    "a bool of 8 bytes": (npy(header(descr="'|b8'"), DATA), "element type '|b8' is unknown"),
    "a unit of no time": (npy(header(descr="'<M8[xyz]'")), "'<M8[xyz]' is unknown"),
    "a quote in the unit": (npy(header(descr="\"<M8[']\"")), "is unknown"),
    "2^63 columns of no rows": (npy(header(shape=f"(0, {2**63})")), "more bytes than 63 bits"),
    "unknown type": (npy(header(descr="'<q7'"), DATA), "element type '<q7' is unknown"),
    "a call in the header": (npy("__import__('os').abort()\n"), "expected '{'"),
    "missing key": (npy("{'descr': '<f4', 'shape': (4, 2)}\n", DATA), "are all required"),
    "repeated key": (npy("{'descr': '<f4', 'descr': '<f4'}\n"), "unexpected or repeated key"),
    "unterminated string": (npy("{'descr\n"), "unterminated string"),
    "text after the header": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2)} x"),
                              "text after the dictionary"),
    "NaN": (npy(header(), np.array([0, 1, 2, np.nan, 4, 5, 6, 7], "<f4").tobytes()),
            "row 1, column 1 is nan"),
    "1-D": (npy(header(shape="(8,)"), DATA), "2-D array"),
    "integers": (npy(header(descr="'<i4'"), DATA), "float16, float32 or float64"),
    "big-endian": (npy(header(descr="'>f4'"), DATA), "native byte order"),
    "no rows": (npy(header(shape="(0, 2)")), "at least one row"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_embeddings(run, tmp_path, case):
    content, message = HOSTILE[case]
    (tmp_path / "X.npy").write_bytes(content)
    status, output, error = run("select", tmp_path / "X.npy", "-n", 2, "--json", check=False)
    assert status == 3
    assert message in error
    assert message in output["error"]
    assert output["status"] == 3


@pytest.fixture
def X(tmp_path):
    np.save(tmp_path / "X.npy", np.random.default_rng(0).standard_normal((30, 4)))
    np.save(tmp_path / "narrow.npy", np.zeros((30, 3)))
    np.save(tmp_path / "half.npy", np.zeros((30, 4), np.float16))
    np.save(tmp_path / "labels.npy", np.zeros(30, int))
    np.save(tmp_path / "short.npy", np.zeros(29, int))
    np.save(tmp_path / "rows.npy", np.array([1, 30]))
    return tmp_path / "X.npy"


USAGE = {
    "nothing": ([], "a command is missing"),
    "unknown command": (["choose"], "got 'choose'"),
    "no file": (["select", "-n", "3"], "takes one or more embeddings files, got 0"),
    "no count": (["select", "X.npy"], "select needs --n-samples"),
    "count of letters": (["select", "X.npy", "-n", "x"], "whole number, got 'x'"),
    "negative count": (["select", "X.npy", "-n", "-3"], "whole number, got '-3'"),
    "unknown option": (["select", "X.npy", "-n", "3", "--fast"], "unknown option '--fast'"),
    "missing value": (["select", "X.npy", "-n"], "-n needs a value"),
    "unknown method": (["select", "X.npy", "-n", "3", "-m", "best"], "method must be one of"),
    "misplaced option": (["info", "X.npy", "--seed", "1"], "applies only to select and filter"),
    "dry run of filter": (
        ["filter", "X.npy", "X.npy", "-n", "3", "-o", "out", "--dry-run"],
        "--dry-run applies only to select",
    ),
    "another method's option": (
        ["select", "X.npy", "-n", "3", "-m", "kmeans", "--mode", "abs"],
        "--mode applies only to the method topk; this one is kmeans",
    ),
    "another method's flag": (
        ["select", "X.npy", "--no-refill", "-n", "3", "-m", "random"],
        "--no-refill applies only to the method topk; this one is random",
    ),
    "swaps of topk": (
        ["select", "X.npy", "-n", "3", "--max-swaps", "9"],
        "applies only to the methods max_sum, max_min and facility_location; this one is topk",
    ),
    "no threads": (["select", "X.npy", "-n", "3", "-t", "0"], "--threads must be at least 1"),
    "no memory": (
        ["select", "X.npy", "-n", "3", "--max-memory", "0"],
        "--max-memory must be at least 1",
    ),
    "no output": (["gather", "rows.npy", "X.npy"], "gather needs --output"),
    "an empty file name": (
        ["select", "X.npy", "-n", "3", "--exclude", ""],
        "--exclude needs a value, got an empty one",
    ),
    "an empty output": (["select", "X.npy", "-n", "3", "-o", ""], "-o needs a value, got an empty"),
    "an empty input": (["select", "X.npy", "", "-n", "3"], "an input file has an empty name"),
    "an option twice": (["select", "X.npy", "-n", "3", "-n", "4"], "-n is given twice; give"),
    "two spellings": (
        ["select", "X.npy", "-n", "3", "--n-samples=3"],
        "--n-samples is given twice, first as -n; give it once",
    ),
    "a flag twice": (["info", "X.npy", "--json", "--json"], "--json is given twice; give it once"),
    "labels without classes": (
        ["select", "X.npy", "-n", "3", "--labels", "labels.npy"],
        "--labels needs --per-class, or --stratified",
    ),
    "existing rows of topk": (
        ["select", "X.npy", "-n", "3", "--existing", "X.npy"],
        "applies only to the methods max_sum, max_min and facility_location; this one is topk",
    ),
    "an empty count": (["select", "X.npy", "--n-samples="], "--n-samples needs a value, got an em"),
}
BAD_INPUT = {
    "k is zero": (["select", "X.npy", "-n", "0"], "n_samples must be in [1, 30]"),
    "columns differ": (
        ["select", "X.npy", "narrow.npy", "-n", "3"],
        "columns: shard 1 has 3, shard 0 has 4",
    ),
    "types differ": (["select", "X.npy", "half.npy", "-n", "3"], "shard 1 is float16, shard 0"),
    "k > N": (["select", "X.npy", "-n", "31"], "got 31"),
    "groups without a rule": (
        ["select", "X.npy", "-n", "3", "--groups", "labels.npy"],
        "groups change nothing without max_per_group",
    ),
    "fraction": (["select", "X.npy", "-n", "1.5"], "in (0, 1], got 1.5"),
    "labels too short": (
        ["select", "X.npy", "-n", "3", "--labels", "short.npy", "--per-class", "balanced"],
        "expected 30, got 29",
    ),
    "labels of floats": (
        ["select", "X.npy", "-n", "3", "--labels", "X.npy", "--per-class", "balanced"],
        "1-D array of int",
    ),
    "a folder as output": (
        ["select", "X.npy", "-n", "3", "-o", ".", "--dry-run"],
        "the output '.' is a folder",
    ),
    "row outside": (["gather", "rows.npy", "X.npy", "-o", "out"], "position 1 holds 30"),
    "output is input": (["gather", "labels.npy", "X.npy", "-o", "."], "output must not be the in"),
    "rows differ": (["filter", "X.npy", "short.npy", "-n", "3", "-o", "out"], "one row per embed"),
    "one name twice": (
        ["filter", "X.npy", "labels.npy", "./labels.npy", "-n", "3", "-o", "out"],
        "two outputs would have the name",
    ),
    "too many threads": (["select", "X.npy", "-n", "3", "-t", "9999"], "at most 1024"),
}
IO_FAILURE = {
    "missing file": (["select", "gone.npy", "-n", "3"], "cannot open 'gone.npy'"),
    "missing shard": (["select", "X.npy", "gone.npy", "-n", "3"], "cannot open 'gone.npy'"),
    "a folder": (["info", "."], "Is a directory"),
    "folder is a file": (["gather", "labels.npy", "X.npy", "-o", "X.npy/x"], "cannot create"),
    "no such folder": (["select", "X.npy", "-n", "3", "-o", "no/where.npy"], "cannot create"),
    "no such folder, not even to estimate": (
        ["select", "X.npy", "-n", "3", "-o", "no/where.npy", "--dry-run"],
        "cannot create",
    ),
}


@pytest.mark.parametrize(
    ("status", "arguments", "message"),
    [
        pytest.param(status, *case, id=f"{status} {name}")
        for status, table in ((2, USAGE), (3, BAD_INPUT), (4, IO_FAILURE))
        for name, case in table.items()
    ],
)
def test_exit_status_and_message(binary, X, status, arguments, message):
    before = sorted(X.parent.rglob("*"))
    result = subprocess.run(
        [binary, *arguments], cwd=X.parent, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == status
    assert message in result.stderr
    left = {path.name for path in X.parent.rglob("*")} - {path.name for path in before}
    assert left <= {"out"}, "nothing half-written may stay"


def test_full_disk_is_an_io_failure(binary, X):
    # /dev/full cannot be renamed onto, so the limit on file sizes stands in for a full disk.
    result = subprocess.run(
        ["bash", "-c", f"ulimit -f 0; trap '' XFSZ; exec {binary} select X.npy -n 3 -o i.npy"],
        cwd=X.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 4
    assert "cannot write 'i.npy'" in result.stderr
    assert not (X.parent / "i.npy").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder_is_an_io_failure(binary, X):
    X.parent.chmod(0o555)
    try:
        result = subprocess.run(
            [binary, "select", "X.npy", "-n", "3", "-o", "i.npy"],
            cwd=X.parent,
            capture_output=True,
            text=True,
        )
    finally:
        X.parent.chmod(0o755)
    assert result.returncode == 4
    assert "Permission denied" in result.stderr


def test_json_error_is_json(run, X):
    status, output, _ = run("select", X, "-n", 99, "--json", check=False)
    assert (status, output["status"]) == (3, 3)
    assert json.dumps(output["error"])


def test_help_and_version(run):
    _, text, _ = run("--help")
    assert "exit status: 0 done, 2 usage, 3 bad input, 4 input/output failure" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    _, text, _ = run("--version")
    assert text.startswith("thinset-filter ")
