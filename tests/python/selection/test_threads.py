"""Threads that the system does not let start are done without, and change no result."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from thinset import _core

MIB = 2**20
# Lets this process have some MiB more of address space: few stacks of a thread.
IN_LITTLE_MEMORY = f"""
import json, resource, sys, numpy as np, thinset
X = np.random.default_rng(0).standard_normal((3000, 8)).astype(np.float32)
def answer(n_threads):
    methods = ("topk", "max_sum", "max_min", "kmeans", "facility_location")
    return [thinset.select(X, 30, m, n_threads=n_threads).indices.tolist() for m in methods]
expected = answer(1)
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
more = int(sys.argv[1]) * {MIB}
resource.setrlimit(resource.RLIMIT_AS, (size + more, resource.RLIM_INFINITY))
print(json.dumps(answer(500) == expected))
"""


# Also where stacks leave hardly anything.
@pytest.mark.parametrize("more", [13, 45, 72, 96, 105])
def test_python_goes_on_with_the_threads_that_start(more):
    result = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY, str(more)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) is True


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs affinity masks")
def test_the_default_is_the_processors_that_may_be_used():
    assert 1 <= _core.available_processors() <= len(os.sched_getaffinity(0))
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert _core.available_processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)
