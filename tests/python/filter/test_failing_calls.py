"""Every call of thinset-filter into the C library fails once; the outputs are old or complete.

A failure ends in one of the exit statuses, never in a signal; nothing half-written stays; an exit
status of 0 means that the outputs are there and right.
"""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest

from failing_calls import ERRORS

N_OLD, N_NEW = 9, 5
COMMANDS = {
    "select": ["select", "X.npy", "-n", str(N_NEW), "-o", "i.npy", "-t", "2"],
    "print": ["select", "X.npy", "-n", str(N_NEW), "-t", "2", "--json"],
    "gather": ["gather", "rows.npy", "images.npy", "labels.npy", "-o", "out", "-t", "2"],
    "filter": ["filter", "X.npy", "images.npy", "labels.npy", "-n", str(N_NEW), "-o", "out"],
    "info": ["info", "X.npy", "--json"],
}
# (command, whether its outputs exist already)
CASES = [
    *((command, False) for command in COMMANDS),
    *((command, True) for command in ("select", "gather", "filter")),
]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    rng = np.random.default_rng(0)
    np.save(folder / "X.npy", rng.standard_normal((40, 4)))
    np.save(folder / "images.npy", rng.integers(0, 255, (40, 30, 30), np.uint8))
    np.save(folder / "labels.npy", rng.integers(0, 9, 40))
    np.save(folder / "rows.npy", rng.permutation(40)[:N_NEW])
    return folder


def outputs(folder):
    """Each output by name, or None where there is none; raises where one cannot be read."""
    names = ("i.npy", "out/images.npy", "out/labels.npy", "out/indices.npy", "out/notes.txt")
    return {
        name: (folder / name).read_bytes() if (folder / name).exists() else None for name in names
    }


class Bench:
    """A folder with the sources in which one command runs again and again."""

    def __init__(self, binary, folder, sources, command, over_old):
        self.binary, self.folder, self.arguments = binary, folder, COMMANDS[command]
        for source in sources.iterdir():
            shutil.copy(source, folder)
        if over_old:
            self.run("select", "X.npy", "-n", str(N_OLD), "-o", "i.npy")
            self.run("filter", "X.npy", "images.npy", "labels.npy", "-n", str(N_OLD), "-o", "out")
            (folder / "out" / "notes.txt").write_text("mine")
        self.before = outputs(folder)
        self.old = folder / "old"
        self.old.mkdir()
        for name in ("i.npy", "out"):
            if (folder / name).is_dir():
                shutil.copytree(folder / name, self.old / name)
            elif (folder / name).exists():
                shutil.copy(folder / name, self.old / name)
        self.printed = self.run(*self.arguments).stdout
        self.after = outputs(folder)
        assert self.after != self.before or command in ("print", "info")

    def run(self, *arguments, env=None, check=True):
        return subprocess.run(
            [self.binary, *arguments], cwd=self.folder, env=env, capture_output=True, check=check,
            timeout=60,
        )  # fmt: skip

    def reset(self):
        for name in ("i.npy", "out"):
            target = self.folder / name
            if target.is_dir():
                shutil.rmtree(target)
            target.unlink(missing_ok=True)
            if (self.old / name).is_dir():
                shutil.copytree(self.old / name, target)
            elif (self.old / name).exists():
                shutil.copy(self.old / name, target)

    def leftovers(self):
        return [str(p.relative_to(self.folder)) for p in self.folder.rglob(".*")]

    def check_failure(self, env):
        """Run under a failure; returns the exit status."""
        self.reset()
        result = self.run(*self.arguments, env=env, check=False)
        where = {k: v for k, v in env.items() if k.startswith("THINSET_")}, result.stderr
        state = outputs(self.folder)
        assert result.returncode in (0, 2, 3, 4), where
        if result.returncode == 0:
            assert state == self.after, where
            assert without_seconds(result.stdout) == without_seconds(self.printed), where
        else:
            # A failure after the outputs have appeared, as of the last sync, leaves them.
            assert state in (self.before, self.after), where
            is_silent = result.stderr == b"" and env["THINSET_FAIL_CALL"] == "write"
            assert is_silent or result.stderr.startswith(b"thinset-filter: error: "), where
        return result.returncode


def without_seconds(printed):
    if not printed.startswith(b"{"):
        return printed
    return {k: v for k, v in json.loads(printed).items() if k not in ("seconds", "threads")}


@pytest.fixture
def bench(binary, tmp_path, sources, request):
    return Bench(binary, tmp_path, sources, *request.param)


def sweep(bench, failing_calls, *, step):
    statuses = []
    for call, errors in ERRORS.items():
        for error in errors:
            for env in failing_calls.sweep(call, error, step=step):
                statuses.append(bench.check_failure(env))
                assert not bench.leftovers(), (env, bench.leftovers())
    return statuses


NAMES = {"indirect": ["bench"], "ids": [f"{c}{' over old' * o}" for c, o in CASES]}


@pytest.mark.parametrize("bench", CASES, **NAMES)
def test_some_failing_calls(bench, failing_calls):
    # Every call of most kinds; memory is asked for some hundred times.
    statuses = []
    for call in ERRORS:
        step = 29 if call == "malloc" else 2 if call in ("fstat", "close") else 1
        for env in failing_calls.sweep(call, ERRORS[call][0], step=step):
            statuses.append(bench.check_failure(env))
            assert not bench.leftovers(), (env, bench.leftovers())
    assert {0, 4} <= set(statuses)


@pytest.mark.slow
@pytest.mark.parametrize("bench", CASES, **NAMES)
def test_every_failing_call(bench, failing_calls):
    statuses = sweep(bench, failing_calls, step=1)
    assert statuses.count(4) > 20


@pytest.mark.slow
@pytest.mark.parametrize("bench", CASES, **NAMES)
@pytest.mark.parametrize(
    ("call", "error"), [("write", "ENOSPC"), ("malloc", "ENOMEM"), ("open", "EMFILE")]
)
def test_every_call_failing_from_some_point(bench, failing_calls, call, error):
    for env in failing_calls.sweep(call, error, always=True):
        bench.check_failure(env)


@pytest.mark.parametrize("call", ["open", "read", "write", "fsync", "fallocate", "flock"])
def test_interrupted_calls_are_repeated(binary, tmp_path, sources, failing_calls, call):
    bench = Bench(binary, tmp_path, sources, "filter", True)
    for env in failing_calls.sweep(call, "EINTR"):
        assert bench.check_failure(env) == 0


@pytest.mark.parametrize("error", ["EINVAL", "EOPNOTSUPP", "ENOSYS"])
def test_file_systems_that_cannot_sync_lock_or_exchange(
    binary, tmp_path, sources, failing_calls, error
):
    bench = Bench(binary, tmp_path, sources, "filter", True)
    for call in ("fsync", "flock", "fallocate"):
        env = failing_calls.environment(call, 1, error, always=True, exchange=False)
        assert bench.check_failure(env) == 0
        assert not bench.leftovers()


def test_a_folder_that_cannot_be_synced_is_no_failure(binary, tmp_path, sources, failing_calls):
    bench = Bench(binary, tmp_path, sources, "select", True)
    # The file itself first, then its folder.
    for error, status in (("EBADF", 0), ("EACCES", 0), ("EIO", 4)):
        env = failing_calls.environment("fsync", 2, error)
        assert bench.check_failure(env) == status


def test_a_rename_that_fails_where_names_cannot_be_exchanged(
    binary, tmp_path, sources, failing_calls
):
    bench = Bench(binary, tmp_path, sources, "filter", True)
    statuses = []
    for env in failing_calls.sweep("rename", "EIO", exchange=False):
        statuses.append(bench.check_failure(env))
        assert not bench.leftovers()
    assert statuses == [4] * 6 + [0]
