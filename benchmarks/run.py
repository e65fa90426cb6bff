"""Run the benchmarks and print their medians: `python benchmarks/run.py [PROBLEM ...]`.

Every contender runs in a process of its own, where its answer is checked before it is timed. What
is finished is kept in results/, so that --resume goes on where a run was stopped; a summary that is
worth keeping is written by --snapshot NAME.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import surroundings
from embedding_data import FILE_VARIABLE, KINDS
from machine_load import LoadOfOthers
from table import lines_of, summarise
from thinset import _core

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
PROBLEMS = sorted(file.parent.name for file in FOLDER.glob("*/problem.py"))
# What the peers' libraries read; thinset is told by argument, and so are some of them.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)

# Beyond this share of the processors, others disturb what is measured.
TOLERABLE_LOAD = 0.05


class Runner:
    """Starts races and keeps their records in one folder."""

    def __init__(self, arguments, records, scratch):
        self._arguments = arguments
        self._records = records
        self._fingerprint = fingerprint(arguments.rounds)
        n_threads = str(arguments.threads)
        self._environment = {
            **os.environ,
            **dict.fromkeys(THREAD_VARIABLES, n_threads),
            "TMPDIR": scratch,
        }

    def record_of(self, problem, contender, size_number, rows=None):
        """The record of a race: run now, or taken from the folder with --resume."""
        rows_name = "" if rows is None else f"-{rows}"
        path = self._records / f"{problem}-{size_number}{rows_name}-{contender}.json"
        if not (self._arguments.resume and _is_final(path, self._fingerprint)):
            print(f"{problem} {contender}{rows_name} ...", end="", file=sys.stderr, flush=True)
            start = time.monotonic()
            with LoadOfOthers() as others:
                record = self._race(problem, contender, size_number, rows, path)
            record["fingerprint"] = self._fingerprint
            record["load_of_others"] = round(others.share, 3)
            path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            seconds = time.monotonic() - start
            print(f" {record['status']}, {seconds:.0f} s", file=sys.stderr, flush=True)
        return json.loads(path.read_text(encoding="utf-8"))

    def _race(self, problem, contender, size_number, rows, path):
        arguments = self._arguments
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        command = [
            *(sys.executable, str(FOLDER / "race.py"), problem, contender, str(unfinished)),
            *(["--full"] if arguments.full else []),
            *([] if rows is None else [f"--rows={rows}"]),
            *(f"--size-number={size_number}", f"--data={arguments.data}"),
            *(f"--threads={arguments.threads}", f"--rounds={arguments.rounds}"),
        ]
        failure = {"problem": problem, "contender": contender, "status": "failed"}
        try:
            ended = subprocess.run(
                command,
                check=False,
                env=self._environment,
                timeout=arguments.time_limit,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            limit = f"not done after {arguments.time_limit:,.0f} s"
            return failure | {"status": "unfinished", "reason": limit}
        if ended.returncode == 0:
            record = json.loads(unfinished.read_text(encoding="utf-8"))
            unfinished.unlink()
            return record
        last_words = ended.stderr.strip().splitlines()[-1:] or ["without a word"]
        return failure | {"reason": f"exit status {ended.returncode}, {last_words[0][:300]}"}

    def races_of(self, problem):
        """The records of all contenders, at every size of the problem.

        A contender that cannot do a size does a smaller one; thinset and the floors join it there.
        """
        Problem = importlib.import_module(f"{problem}.problem").Problem
        folder = FOLDER / getattr(Problem, "contenders_of", problem)
        files = sorted(folder.glob("contender_*.py"))
        contenders = [file.stem.removeprefix("contender_") for file in files]
        for number, size in enumerate(Problem.sizes(full=self._arguments.full)):
            smaller, description = set(), ""
            for contender in ["floors", *contenders]:
                record = self.record_of(problem, contender, number)
                # One that did not run stands with those that did.
                description = description or record.get("size", "")
                record.setdefault("size", description)
                yield record
                if record.get("n_rows", size.n_rows) < size.n_rows:
                    smaller.add(record["n_rows"])
            for rows in sorted(smaller):
                for contender in ("floors", "thinset"):
                    yield self.record_of(problem, contender, number, rows)


def fingerprint(least_rounds):
    """Changes with thinset's core, with any file of the benchmarks and with what is asked for."""
    digest = hashlib.sha256(str(least_rounds).encode())
    for file in [Path(_core.__file__), *sorted(FOLDER.rglob("*.py"))]:
        digest.update(file.read_bytes())
    data = os.environ.get(FILE_VARIABLE, "")
    if data and Path(data).exists():
        status = Path(data).stat()
        digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:32]


def _is_final(path, fingerprint):
    """Whether a record of the same code is there that another try would not change."""
    if not path.exists():
        return False
    record = json.loads(path.read_text(encoding="utf-8"))
    is_done = record["status"] in ("timed", "wrong", "unfinished")
    return is_done and record.get("fingerprint") == fingerprint


def print_table(summary):
    print(f"\n{summary['hardware']['cpu']}, {summary['threads']} threads, {summary['data']} data")
    for race in summary["races"]:
        print("", *lines_of(race), sep="\n")
    if summary["load_of_others"] > TOLERABLE_LOAD:
        share = f"{summary['load_of_others']:.0%}"
        print(f"\nOther programs used up to {share} of the processors (rule 5 in README.md).")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "problems", nargs="*", metavar="PROBLEM", help=f"of {', '.join(PROBLEMS)}; all by default"
    )
    parser.add_argument("--full", action="store_true", help="the size of the paper, and larger")
    parser.add_argument("--data", choices=KINDS, default=KINDS[0], help="what is selected from")
    parser.add_argument("--threads", type=int, default=_core.available_processors(), metavar="N")
    parser.add_argument("--rounds", type=int, default=3, help="at least so many", metavar="N")
    parser.add_argument(
        "--time-limit", type=float, default=3600, metavar="SECONDS", help="for one contender"
    )
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run finished")
    parser.add_argument("--snapshot", metavar="NAME", help="keep results/snapshot-NAME.json")
    arguments = parser.parse_args()
    unknown = set(arguments.problems) - set(PROBLEMS)
    if unknown:
        parser.error(f"PROBLEM must be one of {', '.join(PROBLEMS)}; got {sorted(unknown)}")
    return arguments


def main():
    arguments = parse_arguments()
    # An end by a job's time limit cleans up like Ctrl-C: a scratch folder may hold gigabytes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    size = "full" if arguments.full else "default"
    folder = RESULTS / f"{size}-{arguments.data}-{arguments.threads}-threads"
    folder.mkdir(parents=True, exist_ok=True)
    records, stopped = [], False
    # Beside the results, not on /tmp: that may be memory, which is never cold.
    with tempfile.TemporaryDirectory(dir=RESULTS, prefix="scratch-") as scratch:
        runner = Runner(arguments, folder, scratch)
        try:
            for problem in arguments.problems or PROBLEMS:
                for record in runner.races_of(problem):
                    records.append(record)  # noqa: PERF402 - keeps what came before Ctrl-C
        except KeyboardInterrupt:
            stopped = True
            print("\nstopped; --resume goes on from here", file=sys.stderr)
    summary = {
        **surroundings.describe(),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "threads": arguments.threads,
        "data": arguments.data,
        # Of the worst race: a mean would hide that one was disturbed.
        "load_of_others": max((r["load_of_others"] for r in records), default=0.0),
        "races": summarise(records),
    }
    print_table(summary)
    failed = any(record["status"] == "failed" for record in records)
    if arguments.snapshot and not stopped:
        path = RESULTS / f"snapshot-{arguments.snapshot}.json"
        path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        print(f"\nwrote {path}")
    return 130 if stopped else int(failed)


if __name__ == "__main__":
    sys.exit(main())
