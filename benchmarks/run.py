"""Run the benchmarks and print their medians: `python benchmarks/run.py [PROBLEM ...]`.

Every contender's answer is checked before it is timed. The raw results go to results/; a summary
that is worth keeping is written by --snapshot NAME.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from machine_load import LoadOfOthers

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
PROBLEMS = sorted(file.parent.name for file in FOLDER.glob("*/problem.py"))
# What the peers' libraries read; thinset is told by argument.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

# Beyond this share of the processors, others disturb what is measured.
TOLERABLE_LOAD = 0.05


def run_pytest(problems, *, full, n_threads):
    """Run the problems' benchmarks; returns (exit status, pytest-benchmark's report or None)."""
    RESULTS.mkdir(exist_ok=True)
    report = RESULTS / ("full.json" if full else "default.json")
    report.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider"),
        *("-c", str(FOLDER / "pytest.ini"), "--rootdir", str(FOLDER)),
        *("--benchmark-quiet", f"--benchmark-json={report}"),
        *(["--full"] if full else []),
        f"--threads={n_threads}",
        *(str(FOLDER / problem) for problem in problems),
    ]
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(n_threads))}
    status = subprocess.run(command, check=False, env=environment).returncode
    written = report.exists() and report.stat().st_size > 0
    return status, json.loads(report.read_text(encoding="utf-8")) if written else None


def summarise(report, *, n_threads, load_of_others):
    """Problem -> its size and, per contender, median and quartile range in seconds."""
    problems = {}
    for entry in report["benchmarks"]:
        name = entry["name"].split("[")[0].removeprefix("bench_")
        problem = problems.setdefault(name, {"size": entry["extra_info"]["size"], "contenders": {}})
        problem["contenders"][entry["param"]] = {
            "median_seconds": entry["stats"]["median"],
            "quartile_range_seconds": entry["stats"]["iqr"],
            "rounds": entry["stats"]["rounds"],
        }
    machine = report["machine_info"]
    return {
        "processor": machine["cpu"].get("brand_raw", machine["machine"]),
        "threads": n_threads,
        "load_of_others": round(load_of_others, 3),
        "python": machine["python_version"],
        "date": report["datetime"],
        "problems": problems,
    }


def against_best_other(contender, contenders):
    """How a contender's median stands to the best of the others, in words."""
    own = contenders[contender]["median_seconds"]
    others = [c["median_seconds"] for name, c in contenders.items() if name != contender]
    if not others:
        return "alone"
    ratio = own / min(others)
    return f"{1 / ratio:.2f}x faster" if ratio < 1 else f"{ratio:.2f}x slower"


def print_table(summary):
    print(f"\n{summary['processor']}, {summary['threads']} threads")
    columns = f"{'contender':<14}{'median':>12}{'quartiles':>12}{'rounds':>8}"
    for name, problem in summary["problems"].items():
        print(f"\n{name}: {problem['size']}\n{columns}   against the best other")
        contenders = problem["contenders"]
        for contender in sorted(contenders, key=lambda c: contenders[c]["median_seconds"]):
            figures = contenders[contender]
            median = f"{1e3 * figures['median_seconds']:,.1f} ms"
            spread = f"{1e3 * figures['quartile_range_seconds']:,.1f} ms"
            standing = against_best_other(contender, contenders)
            print(f"{contender:<14}{median:>12}{spread:>12}{figures['rounds']:>8}   {standing}")
    if summary["load_of_others"] > TOLERABLE_LOAD:
        share = f"{summary['load_of_others']:.0%}"
        print(f"\nOther programs used {share} of the processors meanwhile (rule 5 in README.md).")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "problems", nargs="*", metavar="PROBLEM", help=f"of {', '.join(PROBLEMS)}; all by default"
    )
    parser.add_argument("--full", action="store_true", help="the size of the paper")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--snapshot", metavar="NAME", help="keep results/snapshot-NAME.json")
    arguments = parser.parse_args()
    unknown = set(arguments.problems) - set(PROBLEMS)
    if unknown:
        parser.error(f"PROBLEM must be one of {', '.join(PROBLEMS)}; got {sorted(unknown)}")
    n_threads = arguments.threads
    with LoadOfOthers() as others:
        status, report = run_pytest(
            arguments.problems or PROBLEMS, full=arguments.full, n_threads=n_threads
        )
    if report is None:
        print(f"pytest ended with status {status} and without a report", file=sys.stderr)
    else:
        summary = summarise(report, n_threads=n_threads, load_of_others=others.share)
        print_table(summary)
        if arguments.snapshot and status == 0:
            path = RESULTS / f"snapshot-{arguments.snapshot}.json"
            path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
            print(f"\nwrote {path}")
    return 1 if status < 0 else status


if __name__ == "__main__":
    sys.exit(main())
