"""Commands that train keep freed memory, which the next step takes again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="for glibc alone")

# Blocks as large as the feature maps of a batch, over and over; the pages that had to be cleared.
_PROGRAM = """
import resource, sys
import numpy as np
from thinset.command_line import allocator
if sys.argv[1] == "kept":
    print(allocator.keep_freed_memory())
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(1 << 26, np.uint8)
before = faults()
for _ in range(5):
    np.ones(1 << 26, np.uint8)
print(faults() - before)
"""


def run(mode: str, **environment: str) -> list[str]:
    names = ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")
    own = {name: value for name, value in os.environ.items() if name not in names}
    found = subprocess.run(
        [sys.executable, "-c", _PROGRAM, mode],
        env={**own, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.split()


def test_large_blocks_are_not_cleared_again() -> None:
    kept, n_kept = run("kept")
    assert kept == "True"
    assert int(n_kept) * 10 < int(run("returned")[0])


def test_what_the_environment_says_holds() -> None:
    assert run("kept", MALLOC_MMAP_MAX_="65536")[0] == "False"


def test_commands_that_train_do_so_and_no_others(monkeypatch, capsys) -> None:
    from thinset import command_line

    calls = []
    monkeypatch.setattr(command_line, "keep_freed_memory", lambda: calls.append(True))
    for arguments, n_calls in ((["data", "list"], 0), (["train", "--no-such-option"], 1)):
        command_line.main(arguments)
        assert len(calls) == n_calls, arguments
    capsys.readouterr()
    training = {one.name for one in command_line.COMMANDS if one.trains}
    assert {"train", "compare", "distill", "augment train"} < training
    assert not training & {"select", "show", "verify", "data import"}
