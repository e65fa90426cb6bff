"""How much memory a selection takes, seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np

PROGRAM = textwrap.dedent("""
    import json, sys, threading, warnings
    import numpy as np
    import thinset
    warnings.simplefilter("ignore")
    path, n, k, method, options = json.loads(sys.argv[1])
    X = np.load(path, mmap_mode="r")[:n]
    thinset.select(X[:2000], 10, method, n_threads=2)  # threads' stacks, the allocator's arenas
    def anonymous():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
    peak = before = anonymous()
    done = threading.Event()
    def watch():
        global peak
        while not done.wait(0.001):
            peak = max(peak, anonymous())
    watcher = threading.Thread(target=watch)
    watcher.start()
    thinset.select(X, k, method, n_threads=2, **options)
    done.set()
    watcher.join()
    print(1024 * (peak - before))
""")


def peak_of(path, n, k, method, options):
    """Anonymous memory that a selection takes in a process of its own (Linux)."""
    arguments = json.dumps([str(path), n, k, method, options])
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, arguments], capture_output=True, text=True, check=True
    )
    return int(result.stdout)


def write_embeddings(path, n, d):
    """Correlated float16 values, written in pieces."""
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(n, d))
    generator = np.random.default_rng(0)
    basis = generator.standard_normal((12, d), dtype=np.float32)
    for start in range(0, n, 100_000):
        size = min(100_000, n - start)
        values = generator.standard_normal((size, 12), dtype=np.float32) @ basis
        X[start : start + size] = values + generator.random((size, d), dtype=np.float32)
    X.flush()
