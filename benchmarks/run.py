"""Run the benchmarks and print their medians: `python benchmarks/run.py [PROBLEM ...]`.

Every contender runs in a process of its own, where its answer is checked before it is timed. What
is finished is kept in results/, so that --resume goes on where a run was stopped; a summary that is
worth keeping is written by --snapshot NAME.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
import tempfile
import time

import surroundings
from embedding_data import KINDS
from runner import FOLDER, RESULTS, Runner
from table import lines_of, summarise
from thinset import _core

PROBLEMS = sorted(file.parent.name for file in FOLDER.glob("*/problem.py"))
# Beyond this share of the processors, others disturb what is measured.
TOLERABLE_LOAD = 0.05


def races_of(problem, runner, *, full, data):
    """The records of all contenders, at every size of the problem.

    A contender that cannot do a size does a smaller one; thinset and the floors join it there.
    """
    Problem = importlib.import_module(f"{problem}.problem").Problem
    folder = FOLDER / getattr(Problem, "contenders_of", problem)
    files = sorted(folder.glob("contender_*.py"))
    contenders = [file.stem.removeprefix("contender_") for file in files]
    for size in Problem.sizes(full=full):
        smaller, description = set(), ""
        for contender in ["floors", *contenders]:
            record = runner.record_of(problem, contender, size, data)
            # One that did not run stands with those that did.
            description = description or record.get("size", "")
            record.setdefault("size", description)
            yield record
            if record.get("n_rows", size.n_rows) < size.n_rows:
                smaller.add(record["n_rows"])
        for rows in sorted(smaller):
            for contender in ("floors", "thinset"):
                yield runner.record_of(problem, contender, size.with_rows(rows), data)


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
        runner = Runner(
            records=folder,
            scratch=scratch,
            n_threads=arguments.threads,
            rounds=arguments.rounds,
            time_limit=arguments.time_limit,
            resume=arguments.resume,
        )
        try:
            for problem in arguments.problems or PROBLEMS:
                for record in races_of(problem, runner, full=arguments.full, data=arguments.data):
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
