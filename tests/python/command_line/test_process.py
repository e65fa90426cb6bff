"""Signals, full or closed output, and unexpected errors of a command."""

from __future__ import annotations

import dataclasses
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import thinset.command_line
from thinset.command_line import COMMANDS, main
from thinset.command_line.failures import report_failure

COMMAND = [sys.executable, "-m", "thinset"]
FULL = Path("/dev/full")


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, check=False, **options)


def shell(command, cwd=None):
    text = command.replace("thinset", f"{sys.executable} -m thinset")
    return subprocess.run(
        ["bash", "-c", text], capture_output=True, text=True, check=False, cwd=cwd
    )


@pytest.mark.skipif(not FULL.is_char_device(), reason="no /dev/full")
@pytest.mark.parametrize(
    "command", ["--help", "--version", "data --help", "data list", "select --help", "verify s.npz"]
)
@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
def test_output_that_does_not_arrive_is_a_failure(tmp_path, command, where):
    thinset.select(np.eye(4), 2).save(tmp_path / "s.npz")
    result = shell(f"thinset {command} {where}", tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (4, 1), result.stderr
    assert result.stderr.startswith("thinset: error: ")


def test_a_reader_that_leaves_is_a_failure_in_one_line(tmp_path):
    result = shell("thinset --help | true; exit ${PIPESTATUS[0]}", tmp_path)
    # The reader may have been slow enough to take it all.
    assert result.returncode in (0, 4)
    assert len(result.stderr.splitlines()) == (1 if result.returncode else 0)


def test_closed_standard_error_changes_nothing(tmp_path):
    result = shell("thinset --version 2>&-", tmp_path)
    assert (result.returncode, result.stdout) == (0, f"thinset {thinset.__version__}\n")
    assert shell("thinset verify nowhere 2>&-", tmp_path).returncode == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_and_leaves_no_partial_files(tmp_path, number):
    np.save(tmp_path / "e.npy", np.zeros((4, 4)))
    # The signal comes while the selection is being written.
    program = (
        "import os, sys, numpy as np, thinset.command_line as c\n"
        f"np.savez = lambda *a, **k: os.kill(os.getpid(), {int(number)})\n"
        "sys.exit(c.main(['select', 'e.npy', '-n', '2', '-o', 's.npz', '-m', 'random']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 128 + number, result.stderr
    assert f"thinset: error: terminated by signal {int(number)};" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["e.npy"]


def test_a_folder_in_use_is_refused_and_a_signal_leaves_one_that_resumes(tmp_path):
    arguments = ("embed", "digits", "--length", "100000st", "-o", "e")
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as command:
        end = time.monotonic() + 120
        while not (tmp_path / "e" / "data").exists() and time.monotonic() < end:
            time.sleep(0.05)
        second = run(*arguments, cwd=tmp_path)
        command.send_signal(signal.SIGTERM)
        _, error = command.communicate(timeout=120)
    assert (second.returncode, second.stdout) == (4, b"")
    assert second.stderr.decode() == (
        f"thinset: error: {tmp_path / 'e'} is in use by another thinset process (pid "
        f"{command.pid}); wait for it or choose another output\n"
    )
    assert command.returncode == 143
    assert "Traceback" not in error
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]
    (tmp_path / "e" / "settings.json").read_text()


def test_an_ignored_hangup_stays_ignored(tmp_path):
    program = (
        "import os, signal, sys, thinset.command_line as c\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with c.signals_as_exceptions():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "print('alive')"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert result.stdout == "alive\n"


def test_a_file_size_limit_is_an_input_output_failure(tmp_path):
    result = shell("ulimit -f 20; exec thinset data import digits -o d", tmp_path)
    assert result.returncode == 4, result.stderr
    assert "Traceback" not in result.stderr
    assert "File too large" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (KeyError("x"), 1, "unexpected KeyError: 'x'; this is a bug in thinset"),
        (MemoryError(), 1, "not enough memory: an allocation failed"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 TB"), 1,
         "not enough memory: [enforce fail]"),
        (RuntimeError("[enforce fail at a.cpp:1] . DefaultCPUAllocator: can't allocate memory: you "
                      "tried to allocate 81920000000 bytes. Error code 12"), 1,
         "not enough memory: an array of 81.9 GB could not be allocated; choose a smaller network"),
        (RuntimeError("CUDA out of memory. Tried\nto"), 1, "not enough memory: CUDA out of memory"),
        (RecursionError("maximum"), 3, "nested too deeply"),
        (ValueError("two\nlines"), 3, "error: two lines"),
        (OSError(28, "No space left on device", "f"), 4, "f: No space left on device"),
    ],
)  # fmt: skip
def test_every_failure_is_one_line(capsys, monkeypatch, error, status, text):
    monkeypatch.delenv("THINSET_TRACEBACK", raising=False)
    assert report_failure(error) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("thinset: error: ")
    assert text in lines[0]


def test_a_traceback_is_shown_on_request(capsys, monkeypatch):
    def fail(_arguments):
        raise KeyError("surprise")

    monkeypatch.setattr(thinset.command_line, "_dispatch", fail)
    monkeypatch.setenv("THINSET_TRACEBACK", "1")
    assert main(["select"]) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "THINSET_TRACEBACK=1" in error.splitlines()[-1]


def test_data_alone_explains_itself(capsys):
    assert main(["data", "--help"]) == 0
    output = capsys.readouterr().out
    for name in ("data import", "data split", "data list", "data download"):
        assert f"\n  {name} " in output
    assert "compare" not in output


@pytest.mark.skipif(sys.platform == "darwin", reason="file names there are UTF-8")
def test_file_names_that_are_not_utf_8(tmp_path):
    name = b"caf\xe9"
    np.save(tmp_path / "e.npy", np.eye(5))
    folder = os.fsencode(tmp_path)
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    selected = run("select", "e.npy", "-n", "2", "-o", name + b".npz", cwd=folder, env=environment)
    assert selected.returncode == 0, selected.stderr
    assert b"caf\\udce9.npz" in selected.stdout
    assert run("verify", name + b".npz", cwd=folder, env=environment).returncode == 0
    missing = run("verify", name, cwd=folder, env=environment)
    assert missing.returncode == 4
    assert b"caf\\udce9 does not exist" in missing.stderr
    imported = run("data", "import", "digits", "-o", name, cwd=folder, env=environment)
    assert imported.returncode == 0, imported.stderr
    embedded = run(
        "embed", name + b"/train", "--encoder", "pca", "-o", name + b"-e", "--n-components", "4",
        cwd=folder, env=environment,
    )  # fmt: skip
    assert embedded.returncode == 0, embedded.stderr
    assert run("verify", ".", cwd=folder, env=environment).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "follows"),
    [
        ("select x.npy -n 2 -o s.npz", "starts again from the beginning"),
        ("select x.npy -n 2 -o s.npz --engine local --folder d", "resumes from what is finished"),
        ("data import x -o d", "starts again from the beginning"),
        ("probe digits -o p", "starts again from the beginning"),
        ("embed digits -o e", "resumes from what is finished"),
    ],
)
def test_an_interruption_says_what_the_same_command_does(arguments, follows, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("thinset.command_line._call", interrupted)
    assert main(arguments.split()) == 130
    assert capsys.readouterr().err == f"thinset: error: interrupted; the same command {follows}\n"


def test_a_command_has_the_option_with_which_it_resumes():
    with_option = [one for one in COMMANDS if isinstance(one.resumes, str)]
    assert [one.name for one in with_option] == ["select"]
    for one in with_option:
        options = importlib.import_module(one.module).Command
        names = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(options)}
        assert one.resumes in names
