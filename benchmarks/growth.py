"""How time and memory of thinset grow with N and with k: `python benchmarks/growth.py`.

Points are kept in results/ one by one, so that --resume goes on where a run was stopped. Ends with
a table of log-log slopes, results/growth.json and results/growth.png; --snapshot NAME keeps both as
results/snapshot-NAME.*.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

import surroundings
from embedding_data import KINDS
from growth_curves import plot, slope, table_lines
from machine_load import LoadOfOthers
from thinset import _core

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
# By default glibc raises this threshold as large blocks are freed, and then keeps unused ones.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(128 * 1024)}


class Series(NamedTuple):
    """Points (N, k) of one method along one axis, "n_rows" or "k"."""

    method: str
    axis: str
    n_columns: int
    dtype: str
    points: list


def share(n_rows, per_cent=1):
    return n_rows, max(1, n_rows * per_cent // 100)


def all_series(*, full):
    """k is 1 % of N along N; N stands still along k."""
    many = [10**4, 10**5, 10**6, 10**7] if full else [10**3, 10**4, 10**5]
    few = [10**4, 3 * 10**4, 10**5, 3 * 10**5, 10**6] if full else [10**3, 3 * 10**3, 10**4]
    series = [Series("topk", "n_rows", 64, "float16", [share(n) for n in many])]
    points = [share(n) for n in few]
    series += [Series(m, "n_rows", 64, "float32", points) for m in ("max_sum", "max_min")]
    n_rows, largest = (50_000, 4_320) if full else (5_000, 432)
    chosen = [largest // 27, largest // 9, largest // 3, largest]
    points = [(n_rows, k) for k in chosen]
    methods = ("topk", "max_sum", "max_min", "kmeans")
    return series + [Series(m, "k", 216, "float32", points) for m in methods]


def measure(series, n_rows, k, arguments, folder):
    """One point, measured now or taken from the folder with --resume."""
    name = f"{series.method}-{n_rows}x{series.n_columns}-{series.dtype}-{k}.json"
    path = folder / name
    if not (arguments.resume and path.exists()):
        start = time.monotonic()
        print(f"{series.method}, {k:,} of {n_rows:,} ...", end="", file=sys.stderr, flush=True)
        unfinished = path.with_suffix(".unfinished")
        command = [
            *(sys.executable, str(FOLDER / "growth_point.py"), series.method),
            *(str(n_rows), str(series.n_columns), str(k), series.dtype),
            *(arguments.data, str(arguments.threads), str(unfinished)),
        ]
        subprocess.run(command, check=True, env={**os.environ, **_ALLOCATOR})
        unfinished.replace(path)
        print(f" {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return json.loads(path.read_text(encoding="utf-8"))


def curve(series, points):
    """A series with what was found: medians, slopes, memory."""
    at = [point[series.axis] for point in points]
    seconds = [float(np.median(point["seconds"])) for point in points]
    memory = [point["peak_extra_bytes"] for point in points]
    return {
        "method": series.method,
        "axis": series.axis,
        "n_columns": series.n_columns,
        "dtype": series.dtype,
        "at": at,
        "n_rows": [point["n_rows"] for point in points],
        "k": [point["k"] for point in points],
        "seconds": seconds,
        "peak_extra_bytes": memory,
        "predicted_bytes": [point["predicted_bytes"] for point in points],
        "slope_of_seconds": slope(at, seconds),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="up to 10 million rows; hours")
    parser.add_argument("--data", choices=KINDS[:2], default=KINDS[0])
    parser.add_argument("--threads", type=int, default=_core.available_processors(), metavar="N")
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run finished")
    parser.add_argument("--snapshot", metavar="NAME", help="keep results/snapshot-NAME.json, .png")
    arguments = parser.parse_args()
    folder = RESULTS / f"growth-{arguments.data}-{arguments.threads}-threads"
    folder.mkdir(parents=True, exist_ok=True)
    curves, stopped = [], False
    with LoadOfOthers() as others:
        try:
            for series in all_series(full=arguments.full):
                points = [measure(series, n, k, arguments, folder) for n, k in series.points]
                curves.append(curve(series, points))
        except KeyboardInterrupt:
            stopped = True
            print("\nstopped; --resume goes on from here", file=sys.stderr)
    found = {
        **surroundings.describe(),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "threads": arguments.threads,
        "data": arguments.data,
        "load_of_others": round(others.share, 3),
        "curves": curves,
    }
    print(*table_lines(curves), sep="\n")
    name = f"snapshot-{arguments.snapshot}" if arguments.snapshot and not stopped else "growth"
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if curves:
        plot(curves, path.with_suffix(".png"))
    print(f"\nwrote {path} and its plot")
    return 130 if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
