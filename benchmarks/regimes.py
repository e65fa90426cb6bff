"""Race thinset with the strongest peers on many kinds and sizes of data, one thread each.

    python benchmarks/regimes.py [--turns 3] [--only PROBLEM ...] [--resume] [--snapshot NAME]

Processor seconds, so that other programs disturb little. The contenders of a row run in turns, each
in a process of its own, and answers are checked first. Prints one line per row: the time of
thinset, the best of the others, and how much faster it is; at the end, the rows where thinset is
behind.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import tempfile
import time
from typing import NamedTuple

import surroundings
from embedding_data import Size
from runner import RESULTS, Runner
from table import duration, standing

_TOLERATED = 1.1  # times the time of the best other


class Row(NamedTuple):
    problem: str
    data: str
    size: Size

    @property
    def name(self):
        n_rows, n_columns, k = self.size
        of = f"{n_rows:,} x {n_columns}, {self.data}"
        return f"{self.problem}, {of if self.problem == 'deduplicate' else f'{k:,} of {of}'}"


# The fast ones of each problem; run.py races the others, too.
CONTENDERS = {
    "topk": ("numba", "torch", "numpy"),
    "max_min": ("numba", "numba_float32", "fpsample", "torch_float32", "rdkit"),
    "max_sum": ("numba", "numba_float32", "torch_float32", "selector"),
    "kmeans": ("faiss", "sklearn", "sklearnex", "superkmeans"),
    "kmeans_seeding": ("numba", "faiss", "sklearn"),
    "facility_location": ("numpy", "apricot", "submodlib"),
    "k_medoids": ("fasterpam",),
    "deduplicate": ("ckdtree", "faiss", "numba"),
    "draws": ("numpy",),
}
# Points in space have peers of their own.
FOR_POINTS = {"max_min": ("fpsample_kdtree", "fpsample_kdline")}

ROWS = [
    Row(problem, data, Size(*size))
    for problem, data, *sizes in (
        ("topk", "correlated", (100, 216, 10), (500, 216, 43), (2_000, 216, 172)),
        ("topk", "correlated", (5_000, 216, 432), (50_000, 216, 4_320), (5_000, 4_096, 500)),
        ("topk", "texts", (20_000, 384, 432), (200_000, 384, 1_000)),
        ("topk", "half_dead", (50_000, 216, 4_320)),
        ("topk", "dead", (50_000, 216, 4_320)),
        ("max_min", "correlated", (100, 216, 10), (500, 216, 43), (2_000, 216, 172)),
        ("max_min", "correlated", (50_000, 216, 432), (5_000, 4_096, 500)),
        ("max_min", "isotropic", (10_000, 216, 432)),
        ("max_min", "texts", (5_000, 384, 432), (50_000, 384, 432)),
        ("max_min", "points", (20_000, 2, 2_000), (50_000, 3, 5_000), (1_000_000, 3, 1_000)),
        ("max_sum", "correlated", (100, 216, 10), (500, 216, 43), (2_000, 216, 172)),
        ("max_sum", "correlated", (5_000, 216, 432), (50_000, 216, 432), (5_000, 4_096, 500)),
        ("max_sum", "isotropic", (10_000, 216, 432)),
        ("max_sum", "texts", (5_000, 384, 432), (20_000, 384, 432), (50_000, 384, 432)),
        ("max_sum", "points", (20_000, 2, 2_000), (100_000, 3, 1_000)),
        ("kmeans", "correlated", (1_000, 64, 50), (50_000, 216, 432)),
        ("kmeans", "texts", (3_000, 384, 50), (20_000, 384, 1_000), (50_000, 384, 432)),
        ("kmeans", "points", (100_000, 3, 500)),
        ("kmeans", "isotropic", (6_000, 1_536, 200)),
        ("kmeans_seeding", "correlated", (50_000, 216, 432)),
        ("facility_location", "correlated", (2_000, 216, 172)),
        ("facility_location", "texts", (5_000, 384, 200)),
        ("k_medoids", "correlated", (4_000, 216, 172)),
        ("k_medoids", "points", (5_000, 2, 200)),
        ("deduplicate", "points", (50_000, 3, 1), (200_000, 3, 1)),
        ("deduplicate", "correlated", (20_000, 64, 1)),
        ("deduplicate", "texts", (20_000, 384, 1)),
        ("draws", "isotropic", (1_000, 4, 100), (10_000_000, 4, 1_000)),
    )
    for size in sizes
]


def contenders_of(row):
    more = FOR_POINTS.get(row.problem, ()) if row.data == "points" else ()
    return ("thinset", *CONTENDERS[row.problem], *more)


def race(row, runner, turns):
    """Contender -> median seconds, and contender -> why it has none."""
    seconds, absent = {}, {}
    for turn in range(turns):
        for contender in contenders_of(row):
            if contender in absent:
                continue
            record = runner.record_of(row.problem, contender, row.size, row.data, turn)
            if record["status"] != "timed":
                absent[contender] = f"{record['status']}: {record['reason']}"
            elif record["n_rows"] < row.size.n_rows:
                absent[contender] = record["why_fewer_rows"]
            else:
                seconds.setdefault(contender, []).append(statistics.median(record["seconds"]))
    of_turns = {name: times for name, times in seconds.items() if len(times) == turns}
    return {name: statistics.median(times) for name, times in of_turns.items()}, absent


def line_of(row, medians):
    others = {name: median for name, median in medians.items() if name != "thinset"}
    if "thinset" not in medians or not others:
        return f"{row.name}: no comparison"
    best = min(others, key=others.get)
    ratio = medians["thinset"] / others[best]
    own, other = duration(medians["thinset"]), duration(others[best])
    return f"{row.name}: {own}, {best} {other}, {standing(ratio)}"


def summary_of(row, medians, absent):
    return {"row": row.name, "seconds": medians, "absent": absent}


def behind(results):
    """The rows in which the best of the others is faster by more than is tolerated."""
    return [
        row.name
        for row, medians, _ in results
        if len(medians) > 1
        and medians.get("thinset", float("inf"))
        > _TOLERATED * min(median for name, median in medians.items() if name != "thinset")
    ]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3, help="of all contenders of a row")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--data", nargs="+", help="rows of these kinds of data alone")
    parser.add_argument(
        "--time-limit", type=float, default=300, metavar="SECONDS", help="for one contender"
    )
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run finished")
    parser.add_argument("--snapshot", metavar="NAME", help="keep results/snapshot-NAME.json")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = RESULTS / "regimes"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        row
        for row in ROWS
        if row.problem in arguments.only and (not arguments.data or row.data in arguments.data)
    ]
    results = []
    with tempfile.TemporaryDirectory(dir=RESULTS, prefix="scratch-") as scratch:
        runner = Runner(
            records=folder,
            scratch=scratch,
            n_threads=1,
            rounds=3,
            time_limit=arguments.time_limit,
            resume=arguments.resume,
            clock="processor",
        )
        try:
            for row in rows:
                medians, absent = race(row, runner, arguments.turns)
                results.append((row, medians, absent))
                print(line_of(row, medians), flush=True)
        except KeyboardInterrupt:
            print("stopped; --resume goes on from here", file=sys.stderr)
            return 130
    lost = behind(results)
    n_compared = sum(len(medians) > 1 for _, medians, _ in results)
    print(f"\n{n_compared - len(lost)} of {n_compared} rows: not behind by more than 10 %")
    if n_compared < len(results):
        print(f"{len(results) - n_compared} rows: no comparison")
    print(*(f"behind: {name}" for name in lost), sep="\n")
    if arguments.snapshot:
        summary = {
            **surroundings.describe(),
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "clock": "processor seconds, one thread, median of turns",
            "rows": [summary_of(*result) for result in results],
        }
        path = RESULTS / f"snapshot-{arguments.snapshot}.json"
        path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        print(f"\nwrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
