"""One point of a growth curve, in a process of its own: seconds and peak extra memory."""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import sys
import threading
import time
import warnings
from pathlib import Path

import thinset
from embedding_data import embeddings

_SECONDS, _MOST_ROUNDS = 2.0, 10
_SAMPLING_SECONDS = 0.002


def anonymous_bytes():
    """What the process holds in memory that is no file's (Linux).

    Counted page by page: the counters of /proc/self/status run behind by some pages per processor.
    """
    pages = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    line = next(line for line in pages.splitlines() if line.startswith("Anonymous:"))
    return int(line.split()[1]) * 1024


def give_back_free_memory():
    """What the allocator keeps of earlier work would hide what is allocated next (glibc)."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


class PeakMemory:
    """A context manager: the largest growth of anonymous memory meanwhile, by sampling."""

    def __enter__(self):
        self._done = threading.Event()
        self._start = anonymous_bytes()
        self.bytes = 0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._done.set()
        self._thread.join()

    def _watch(self):
        while not self._done.is_set():
            self.bytes = max(self.bytes, anonymous_bytes() - self._start)
            time.sleep(_SAMPLING_SECONDS)


def predicted_bytes(X, k, method, n_threads):
    """What thinset says it will need beyond X."""
    told = thinset.estimate(X.shape, k, method, dtype=X.dtype, n_threads=n_threads)
    return told.memory_bytes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method")
    parser.add_argument("n_rows", type=int)
    parser.add_argument("n_columns", type=int)
    parser.add_argument("k", type=int)
    parser.add_argument("dtype")
    parser.add_argument("data")
    parser.add_argument("n_threads", type=int)
    parser.add_argument("result", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    method, k, n_threads = arguments.method, arguments.k, arguments.n_threads
    X = embeddings(arguments.data, arguments.n_rows, arguments.n_columns, arguments.dtype)
    # The first call also loads code and starts threads, which do not grow with anything.
    thinset.select(X[: min(len(X), 100)], 1, method, n_threads=n_threads)
    # Memory in a round of its own, which watching may slow down.
    give_back_free_memory()
    with PeakMemory() as peak:
        thinset.select(X, k, method, n_threads=n_threads)
    seconds = []
    while not seconds or (sum(seconds) < _SECONDS and len(seconds) < _MOST_ROUNDS):
        start = time.perf_counter()
        thinset.select(X, k, method, n_threads=n_threads)
        seconds.append(time.perf_counter() - start)
    point = {
        "method": method,
        "n_rows": arguments.n_rows,
        "n_columns": X.shape[1],
        "k": k,
        "dtype": arguments.dtype,
        "seconds": seconds,
        "peak_extra_bytes": peak.bytes,
        "predicted_bytes": predicted_bytes(X, k, method, n_threads),
    }
    arguments.result.write_text(json.dumps(point), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
