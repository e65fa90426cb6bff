"""gather and filter, killed at any moment: the old files or the new ones, all of them.

What a killed process leaves beside the outputs is gone after the next call.
"""

from __future__ import annotations

import itertools
import random
import shutil
import subprocess
import time

import numpy as np
import pytest

N_ROWS, N_OLD, N_NEW = 4000, 900, 500
FILES = ("images.npy", "labels.npy", "indices.npy")


class Workplace:
    """Two index files, what they gather, and an output folder with an old subset."""

    def __init__(self, binary, folder, command):
        self.binary, self.folder, self.command = binary, folder, command
        rng = np.random.default_rng(0)
        np.save(folder / "X.npy", rng.standard_normal((N_ROWS, 8)))
        np.save(folder / "images.npy", rng.integers(0, 255, (N_ROWS, 3000), np.uint8))
        np.save(folder / "labels.npy", rng.integers(0, 9, N_ROWS))
        (folder / "rows").mkdir()
        for n in (N_OLD, N_NEW):
            np.save(folder / "rows" / f"{n}.npy", rng.permutation(N_ROWS)[:n])
        self.results = {n: self.make(n) for n in (N_NEW, N_OLD)}

    def arguments(self, n):
        outputs = ["images.npy", "labels.npy", "-o", "out", "-t", "2"]
        if self.command == "gather":
            return [self.binary, "gather", f"rows/{n}.npy", *outputs]
        return [self.binary, "filter", "X.npy", *outputs, "-n", str(n)]

    def make(self, n):
        subprocess.run(self.arguments(n), cwd=self.folder, check=True, capture_output=True)
        return self.state()

    def run(self, n, env):
        subprocess.run(self.arguments(n), cwd=self.folder, env=env, capture_output=True)

    def state(self):
        return {
            name: (self.folder / "out" / name).read_bytes()
            for name in FILES
            if (self.folder / "out" / name).exists()
        }

    def leftovers(self):
        return [path.name for path in self.folder.rglob(".*")]

    def check(self, *, fresh):
        """The state is old or complete. Afterwards, a call has removed what was left."""
        state = self.state()
        assert state in ({} if fresh else self.results[N_OLD], self.results[N_NEW])
        self.make(N_OLD)
        assert not self.leftovers()
        return state == self.results[N_NEW]

    def prepare(self, *, fresh):
        if fresh:
            shutil.rmtree(self.folder / "out")


@pytest.fixture
def workplace(binary, tmp_path, request):
    return Workplace(binary, tmp_path, request.param)


BOTH = pytest.mark.parametrize("workplace", ["gather", "filter"], indirect=True)


def kill_at_random_moments(workplace, n_kills):
    draw = random.Random(0)
    started = time.monotonic()
    workplace.make(N_NEW)
    duration = time.monotonic() - started
    workplace.make(N_OLD)
    n_killed = 0
    for kill in range(n_kills):
        fresh = kill % 4 == 3
        workplace.prepare(fresh=fresh)
        process = subprocess.Popen(
            workplace.arguments(N_NEW), cwd=workplace.folder, stdout=subprocess.DEVNULL
        )
        moment = draw.uniform(0, 1.1 * duration)
        time.sleep(moment)
        process.kill()
        status = process.wait()
        assert status in (0, -9)
        n_killed += status == -9
        if status == 0:  # the first run was slower, as on a busy machine
            duration = min(duration, moment)
        workplace.check(fresh=fresh)
    return n_killed


@BOTH
def test_kills_at_random_moments(workplace):
    assert kill_at_random_moments(workplace, 6) >= 1


@BOTH
@pytest.mark.slow
def test_a_hundred_kills_at_random_moments(workplace):
    assert kill_at_random_moments(workplace, 100) >= 20


# Whatever changes a folder: between two of these nothing does.
CHANGES = ("open", "mkdir", "link", "rename", "unlink", "fsync", "flock")


def kill_at_every(workplace, failing_calls, call, *, fresh):
    outcomes = []
    step = 3 if call == "open" else 1
    for env in failing_calls.sweep(call, "KILL", step=step):
        workplace.prepare(fresh=fresh)
        workplace.run(N_NEW, env)
        outcomes.append(workplace.check(fresh=fresh))
    # From the exchange on, the new state is there.
    assert outcomes == sorted(outcomes)
    assert outcomes[-1]


@pytest.mark.parametrize("workplace", ["filter"], indirect=True)
@pytest.mark.parametrize("call", ["link", "rename", "unlink"])
def test_kills_at_the_main_changes_of_a_folder(workplace, failing_calls, call):
    kill_at_every(workplace, failing_calls, call, fresh=False)


@BOTH
@pytest.mark.slow
@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("call", CHANGES)
def test_kills_at_every_change_of_a_folder(workplace, failing_calls, call, fresh):
    kill_at_every(workplace, failing_calls, call, fresh=fresh)


@pytest.mark.parametrize("workplace", ["gather"], indirect=True)
def test_kills_where_names_cannot_be_exchanged(workplace, failing_calls):
    """For a moment there is no folder; the next call brings the old one back, or finishes."""
    was_absent = False
    for at in itertools.count(1):
        killing = failing_calls.environment("rename", at, "KILL", exchange=False)
        workplace.run(N_NEW, killing)
        is_killed = failing_calls.has_failed()
        if not (workplace.folder / "out").exists():
            was_absent = True
            workplace.run(N_NEW, failing_calls.environment("fsync", 1, "EIO"))
            assert workplace.state() == workplace.results[N_OLD]
        is_new = workplace.check(fresh=False)
        if not is_killed:
            break
    assert was_absent
    assert is_new
