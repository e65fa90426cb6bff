"""thinset-filter under a limit on memory that lets only some of the threads start."""

from __future__ import annotations

import json
import resource
import subprocess

import numpy as np


def test_the_threads_that_start_do_the_work(tmp_path, binary, run):
    file = tmp_path / "embeddings.npy"
    np.save(file, np.random.default_rng(0).standard_normal((3000, 8)).astype(np.float32))
    select = ["select", str(file), "-n", "30", "--method", "max_min", "--json"]
    _, expected, _ = run(*select, "--threads", "1")

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (150 * 2**20, resource.RLIM_INFINITY))

    result = subprocess.run(
        [binary, *select, "--threads", "200"],
        capture_output=True, text=True, timeout=120, preexec_fn=limit,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["indices"] == expected["indices"]
    assert 1 <= found["threads"] < 200
