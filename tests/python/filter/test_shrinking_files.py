"""thinset-filter on files that are cut while it reads them: status 3 and a message."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / name for name in ("a.npy", "b.npy")]
    for path in paths:
        X = np.random.default_rng(0).standard_normal((30_000, 32)).astype(np.float32)
        np.save(path, X)
    return paths


def end_of(command, cut):
    """Exit status and errors of a command whose file `cut` is cut once it is mapped."""
    with subprocess.Popen(
        [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while str(cut) not in Path(f"/proc/{process.pid}/maps").read_text():
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        time.sleep(0.1)
        subprocess.run(["truncate", "-s", "70000", cut], check=True)
        _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def test_a_shard_that_is_cut(binary, files):
    select = [binary, "select", *files, "-n", "50000", "--method", "max_min"]
    status, errors = end_of(select, files[1])
    assert status == 3
    assert f"'{files[1]}' became shorter while it was read" in errors


def test_a_filter_writes_nothing_then(tmp_path, binary, files):
    output = tmp_path / "subset"
    command = [binary, "filter", files[0], files[1], "-n", "25000", "--method", "max_min"]
    status, errors = end_of([*command, "-o", output], files[0])
    assert status == 3
    assert f"'{files[0]}' became shorter while it was read" in errors
    assert not list(output.glob("*")) if output.exists() else True
