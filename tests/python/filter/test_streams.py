"""Standard streams that fail, and text in them that is not UTF-8."""

from __future__ import annotations

import json
import os
import subprocess

import numpy as np
import pytest


@pytest.fixture
def X(tmp_path):
    np.save(tmp_path / "X.npy", np.random.default_rng(0).standard_normal((30, 4)))
    np.save(tmp_path / "rows.npy", np.arange(3))
    return tmp_path / "X.npy"


COMMANDS = {
    "select": ["select", "X.npy", "-n", "3"],
    "select, json": ["select", "X.npy", "-n", "3", "--json"],
    "select into a file": ["select", "X.npy", "-n", "3", "-o", "i.npy"],
    "dry run": ["select", "X.npy", "-n", "3", "--dry-run"],
    "gather": ["gather", "rows.npy", "X.npy", "-o", "out"],
    "filter": ["filter", "X.npy", "rows30.npy", "-n", "3", "-o", "out"],
    "info": ["info", "X.npy"],
    "help": ["--help"],
    "version": ["--version"],
    "an error, json": ["select", "X.npy", "-n", "99", "--json"],
    "a usage error, json": ["select", "X.npy", "--json"],
}


@pytest.mark.parametrize("where", ["a full disk", "closed", "no reader"])
@pytest.mark.parametrize("case", COMMANDS)
def test_output_that_cannot_be_written_is_a_failure(binary, X, case, where):
    np.save(X.parent / "rows30.npy", np.arange(30))
    redirections = {"a full disk": ">/dev/full", "closed": ">&-", "no reader": ""}
    command = ["bash", "-c", f'exec "$0" "$@" {redirections[where]}', binary, *COMMANDS[case]]
    if where == "no reader":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(os.devnull, os.O_WRONLY)
    try:
        result = subprocess.run(
            command, cwd=X.parent, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60
        )
    finally:
        os.close(writer)
    assert result.returncode == 4
    if where == "no reader" and "error" not in case:
        assert result.stderr == ""
    elif "error" not in case:
        assert "cannot write to 'standard output'" in result.stderr
    # No data file has taken the place of the stream.
    for file in X.parent.rglob("*.npy"):
        assert np.load(file).size > 0


def test_a_warning_that_cannot_be_shown_is_a_failure(binary, X):
    np.save(X, np.c_[np.load(X), np.ones(30)])
    command = [binary, "select", "X.npy", "-n", "3", "-o", "i.npy"]
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, cwd=X.parent, stdout=subprocess.PIPE, stderr=full)
    assert result.returncode == 4
    assert not (X.parent / "i.npy").exists()


def test_every_stream_closed(binary, X):
    command = ["bash", "-c", 'exec "$0" "$@" <&- >&- 2>&-', binary]
    arguments = ["filter", "X.npy", "rows30.npy", "-n", "3", "-o", "out"]
    np.save(X.parent / "rows30.npy", np.arange(30))
    assert subprocess.run([*command, *arguments], cwd=X.parent).returncode == 4
    assert np.load(X.parent / "out" / "rows30.npy").shape == (3,)
    assert np.load(X.parent / "out" / "indices.npy").shape == (3,)


RAW = b'n\xffm\xc3\xa9\xed\xa0\x80\x1b[31m\n"\\.npy'


def test_json_holds_any_file_name(binary, X):
    target = os.fsencode(X.parent) + b"/" + RAW
    np.save(X.parent / "plain.npy", np.zeros((4, 2)))
    os.rename(X.parent / "plain.npy", target)
    for arguments, key in (
        (["info", target], "file"),
        (["select", X, "-n", "3", "-o", target], "output"),
    ):
        result = subprocess.run([binary, *arguments, "--json"], capture_output=True, check=True)
        shown = json.loads(result.stdout.decode("utf-8"))[key]
        assert os.fsencode(shown) == target
    result = subprocess.run([binary, "info", target + b"x", "--json"], capture_output=True)
    assert os.fsencode(json.loads(result.stdout.decode("utf-8"))["error"]).count(RAW) == 1
    # No control character reaches the terminal, and the message is one line.
    assert b"\x1b" not in result.stderr
    assert result.stderr.count(b"\n") == 1
    assert b"\\x1b[31m\\n" in result.stderr


DIGITS = "9" * 400
NUMBERS = {
    "-n": [DIGITS, "-1", "+3", " 3", "3 ", "0x3", "1e3", "", "nan", "-0.5", ".", "0.5.5",
           "1.e999", f"{DIGITS}.0", "0x.8", "inf.", "٣", "3\n"],
    "--threads": [DIGITS, "-1", "1.5", "4294967296", "", "two", "0x2"],
    "--max-memory": [DIGITS, "-1", "1e9", "18446744073709551616", "1GB", ""],
    "--seed": [DIGITS, "-1", "1.0", ""],
    "--iterations": [DIGITS, "-1", ""],
    "--max-swaps": [DIGITS, "-1", ""],
    "--method": [DIGITS], "--metric": [DIGITS], "--mode": [DIGITS], "--seeding": [DIGITS],
    "--per-class": [DIGITS], f"--{DIGITS}": ["1"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value"), [(o, v) for o, values in NUMBERS.items() for v in values]
)
def test_wrong_values_are_usage_errors_in_short(binary, X, option, value):
    arguments = ["select", X, "-n", "3", f"{option}={value}"]
    result = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert len(result.stderr) < 300


@pytest.mark.parametrize("value", ["1.5", "1000000.0", "9" * 300 + ".5", "0.0"])
def test_fractions_outside_of_zero_to_one(binary, X, value):
    result = subprocess.run([binary, "select", X, "-n", value], capture_output=True, text=True)
    assert result.returncode == 3
    assert "must be in (0, 1]" in result.stderr
    assert len(result.stderr) < 300


@pytest.mark.parametrize("kind", ["FIFO", "socket", "device"])
@pytest.mark.parametrize("place", ["embeddings", "labels", "indices", "gathered", "info"])
def test_inputs_that_are_no_regular_files_are_refused_at_once(binary, X, kind, place):
    path = X.parent / "special"
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        import socket

        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    arguments = {
        "embeddings": ["select", path, "-n", "3"],
        "labels": ["select", X, "-n", "3", "--labels", path, "--per-class", "balanced"],
        "indices": ["gather", path, X, "-o", X.parent / "out"],
        "gathered": ["filter", X, path, "-n", "3", "-o", X.parent / "out"],
        "info": ["info", path],
    }[place]
    result = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=20)
    assert result.returncode == 3
    assert f"is a {kind}; a regular file is needed" in result.stderr
    assert not (X.parent / "out").exists()
