"""An output is never an input, and the outputs of one command appear together or not at all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "X.npy", rng.standard_normal((30, 4)))
    np.save(tmp_path / "images.npy", rng.integers(0, 255, (30, 3, 3), np.uint8))
    np.save(tmp_path / "labels.npy", rng.integers(0, 3, 30))
    np.save(tmp_path / "first.npy", np.array([1, 0]))
    (tmp_path / "d").mkdir()
    np.save(tmp_path / "d" / "images.npy", np.array([2, 0]))
    np.save(tmp_path / "d" / "indices.npy", rng.standard_normal((30, 4)))
    os.link(tmp_path / "X.npy", tmp_path / "hard.npy")
    (tmp_path / "soft.npy").symlink_to("X.npy")
    (tmp_path / "linked").symlink_to("d")
    return tmp_path


def state(folder):
    """Every file of a folder with its content, every link with its target."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


CLASSES = ["--labels", "labels.npy", "--per-class", "balanced"]
OVERWRITES = {
    "the embeddings": ["select", "X.npy", "-n", "3", "-o", "X.npy"],
    "by another path": ["select", "X.npy", "-n", "3", "-o", "d/../X.npy"],
    "by a hard link": ["select", "X.npy", "-n", "3", "-o", "hard.npy"],
    "by a link": ["select", "X.npy", "-n", "3", "-o", "soft.npy"],
    "through a link": ["select", "soft.npy", "-n", "3", "-o", "X.npy"],
    "a later shard": ["select", "d/indices.npy", "X.npy", "-n", "3", "-o", "X.npy"],
    "the labels": ["select", "X.npy", "-n", "3", *CLASSES, "-o", "labels.npy"],
    "the first rows": [
        *("select", "X.npy", "-n", "3", "-m", "max_sum"),
        *("--initial-subset", "first.npy", "-o", "first.npy"),
    ],
    "the index file": ["gather", "d/images.npy", "images.npy", "-o", "d"],
    "the index file by a linked folder": ["gather", "d/images.npy", "images.npy", "-o", "linked"],
    "another gathered file": ["gather", "first.npy", "images.npy", "d/images.npy", "-o", "d"],
    "the file itself": ["gather", "first.npy", "images.npy", "labels.npy", "-o", "."],
    "the filtered embeddings": ["filter", "d/indices.npy", "images.npy", "-n", "3", "-o", "d"],
    "a filtered file": ["filter", "X.npy", "X.npy", "-n", "3", "-o", "."],
    "labels of a filter": [
        *("filter", "X.npy", "labels.npy", "-n", "3", "--labels", "d/../labels.npy"),
        *("--per-class", "balanced", "-o", "."),
    ],
}


@pytest.mark.parametrize("case", OVERWRITES)
def test_an_output_is_never_an_input(binary, folder, case):
    before = state(folder)
    result = subprocess.run(
        [binary, *OVERWRITES[case]], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 3, result.stderr
    assert "must not be the input" in result.stderr or "two outputs would have" in result.stderr
    assert state(folder) == before


def test_standard_output_may_not_be_added_to_an_input(binary, folder):
    before = state(folder)
    with (folder / "X.npy").open("ab") as appended:
        result = subprocess.run(
            [binary, "select", "X.npy", "-n", "3"],
            cwd=folder, stdout=appended, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert result.returncode == 3
    assert "standard output goes to 'X.npy'" in result.stderr
    assert state(folder) == before


@pytest.mark.parametrize("kind", ["folder", "FIFO", "device"])
def test_an_output_that_is_no_regular_file_is_refused(binary, folder, kind):
    target = folder / "target"
    if kind == "folder":
        target.mkdir()
    elif kind == "FIFO":
        os.mkfifo(target)
    else:
        target.symlink_to("/dev/null")
    result = subprocess.run(
        [binary, "select", "X.npy", "-n", "3", "-o", "target"],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 3
    assert f"the output 'target' is a {kind}" in result.stderr
    assert not target.is_file()


def filter_into(run, folder, target, n, *files):
    return run("filter", folder / "X.npy", *[folder / f for f in files], "-n", n, "-o", target)


def rows_in(target):
    return {path.name: len(np.load(path)) for path in target.glob("*.npy")}


def test_filter_replaces_its_files_and_keeps_the_others(run, folder):
    target = folder / "out"
    filter_into(run, folder, target, 7, "images.npy", "labels.npy")
    assert rows_in(target) == {"images.npy": 7, "labels.npy": 7, "indices.npy": 7}
    (target / "notes.txt").write_text("mine")
    target.chmod(0o750)
    filter_into(run, folder, target, 5, "images.npy", "labels.npy")
    assert rows_in(target) == {"images.npy": 5, "labels.npy": 5, "indices.npy": 5}
    assert (target / "notes.txt").read_text() == "mine"
    assert target.stat().st_mode & 0o777 == 0o750
    assert not list(folder.glob(".*"))
    indices = np.load(target / "indices.npy")
    assert np.array_equal(np.load(target / "images.npy"), np.load(folder / "images.npy")[indices])


def test_filter_into_the_current_folder(binary, folder):
    work = folder / "work"
    work.mkdir()
    arguments = [binary, "filter", "../X.npy", "../labels.npy", "-n", "4", "-o", "."]
    subprocess.run(arguments, cwd=work, check=True, capture_output=True)
    assert rows_in(work) == {"labels.npy": 4, "indices.npy": 4}
    before = state(work)
    again = subprocess.run(arguments, cwd=work, capture_output=True, text=True)
    assert again.returncode == 3
    assert "because it is the current folder; choose another output folder" in again.stderr
    assert state(work) == before


def test_a_refused_gather_creates_no_folder(run, folder):
    np.save(folder / "beyond.npy", np.array([0, 30]))
    status, _, _ = run(
        *("gather", folder / "beyond.npy", folder / "images.npy", folder / "labels.npy"),
        *("-o", folder / "new" / "deep"), check=False,
    )  # fmt: skip
    assert status == 3
    assert not (folder / "new").exists()


def test_leftovers_of_a_killed_process_are_removed(run, folder):
    for name in (".out.abcdef12.partial", ".i.npy.abcdef.partial"):
        (folder / name).mkdir()
        (folder / name / "a.npy").write_bytes(b"half")
    filter_into(run, folder, folder / "out", 4, "images.npy")
    run("select", folder / "X.npy", "-n", 3, "-o", folder / "i.npy")
    assert not list(folder.glob(".*"))


def test_two_filters_at_once_leave_one_whole_result(binary, folder):
    target = folder / "out"
    for _ in range(5):
        processes = [
            subprocess.Popen(
                [binary, "filter", "X.npy", "images.npy", "labels.npy", "-n", str(n), "-o", "out"],
                cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )
            for n in (4, 9, 14)
        ]  # fmt: skip
        failures = [process.communicate()[1] for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], failures
        rows = rows_in(target)
        assert set(rows) == {"images.npy", "labels.npy", "indices.npy"}
        assert len(set(rows.values())) == 1
        assert not list(folder.glob(".*"))


def test_long_names(run, folder):
    name = "n" * 251 + ".npy"
    np.save(folder / name, np.arange(30))
    run("gather", folder / "first.npy", folder / name, folder / "labels.npy", "-o", folder / "out")
    assert np.load(folder / "out" / name).tolist() == [1, 0]
    run("select", folder / "X.npy", "-n", 3, "-o", folder / ("o" * 255))
    assert Path(folder / ("o" * 255)).is_file()
