"""Signals stop the work in order: a status of their own, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import numpy as np
import pytest


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "X.npy", np.random.default_rng(0).standard_normal((40000, 32), np.float32))
    np.save(tmp_path / "labels.npy", np.arange(40000))
    return tmp_path


# Minutes of work: it ends when it is stopped.
LONG_WORK = [
    "filter",
    "X.npy",
    "labels.npy",
    "-n",
    "2000",
    "-m",
    "kmeans",
    "--iterations",
    "100000",
]


def start_long_work(binary, folder, **options):
    process = subprocess.Popen(
        [binary, *LONG_WORK, "-t", "1", "-o", "out"], cwd=folder, stderr=subprocess.PIPE, **options
    )
    deadline = time.monotonic() + 60
    while not list(folder.glob(".out.*.partial")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU"])
def test_a_signal_ends_the_work_and_leaves_nothing(binary, folder, name):
    (folder / "out").mkdir()
    (folder / "out" / "indices.npy").write_bytes(b"old")
    process = start_long_work(binary, folder)
    number = getattr(signal, name)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert error == b"thinset-filter: error: interrupted\n"
    assert {p.name for p in folder.iterdir()} == {"X.npy", "labels.npy", "out"}
    assert {p.name for p in (folder / "out").iterdir()} == {"indices.npy"}


def test_a_signal_ignored_by_the_parent_stays_ignored(binary, folder):
    process = start_long_work(
        binary, folder, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_a_signal_ends_a_wait_for_the_reader_of_the_output(binary, folder):
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [binary, "select", "X.npy", "-n", "39000", "-m", "random"],
        cwd=folder, stdout=writer, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writer)
    time.sleep(1)  # far more rows than a pipe holds
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    os.close(reader)
    assert process.returncode == 143, error


@pytest.mark.parametrize("command", ["select", "filter"])
def test_a_limit_on_file_sizes_is_an_io_failure(binary, folder, command):
    arguments = {
        "select": "select X.npy -n 3000 -m random -o i.npy",
        "filter": "filter X.npy labels.npy -n 3000 -m random -o out",
    }[command]
    result = subprocess.run(
        ["bash", "-c", f"ulimit -f 4; exec {binary} {arguments}"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 4
    assert "File too large" in result.stderr
    assert {p.name for p in folder.iterdir()} == {"X.npy", "labels.npy"}
