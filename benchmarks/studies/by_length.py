r"""Scores after different numbers of steps, from one or more finished runs.

    python benchmarks/studies/by_length.py RUN [RUN ...] --steps 500 1000 2500 --baseline random \
        --plot curves.png

RUN is a folder of `thinset compare`. At a constant rate, a training holds every shorter one. The
table shows the mean of the seeds at each number of steps, their sample standard deviation, and how
many seeds were measured there; then differences to the baseline, paired by seed, with 95 % Student
intervals. A training that several folders have counts once.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from survey_command import mean_with_interval

from thinset.report.plots.curves import score_against_steps
from thinset.report.plots.style import rendered
from thinset.results.grouping import group_runs, label_of
from thinset.results.records import load_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.results.records import RunRecord


def unique_runs(folders: Sequence[Path]) -> list[RunRecord]:
    """The longest training of every arm and seed, all as of the longest total."""
    longest: dict[object, RunRecord] = {}
    for folder in folders:
        for run in load_records(folder / "records"):
            key = (run.arm, run.seed, run.fast_phase)
            if key not in longest or run.steps > longest[key].steps:
                longest[key] = run
    runs = list(longest.values())
    total = max(runs, key=lambda run: run.steps).total
    return [dataclasses.replace(run, total=total) for run in runs]


def score_at(run: RunRecord, step: int) -> float | None:
    """The score measured after exactly this many steps; None if there was none."""
    return next((point.scores[run.metric] for point in run.curve if point.step == step), None)


def cell(runs: Sequence[RunRecord], step: int) -> str:
    """Mean ± standard deviation and the number of seeds."""
    scores = [score for run in runs if (score := score_at(run, step)) is not None]
    if not scores:
        return ""
    spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
    return f"{statistics.fmean(scores):.1f}{spread} ({len(scores)})"


def difference(runs: Sequence[RunRecord], baseline: Sequence[RunRecord], step: int) -> str:
    """Paired by seed."""
    scores = {run.seed: score_at(run, step) for run in baseline}
    differences = [
        score - of_baseline
        for run in runs
        if (score := score_at(run, step)) is not None
        and (of_baseline := scores.get(run.seed)) is not None
    ]
    if len(differences) < 2:
        return f"{differences[0]:+.1f}" if differences else ""
    return mean_with_interval(differences)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--steps", type=int, nargs="+", required=True)
    parser.add_argument("--baseline")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    runs = unique_runs(arguments.runs)
    groups = group_runs(runs)
    baseline = [run for run in runs if str(run.arm) == arguments.baseline]
    print("| arm |", " | ".join(f"{step:,}" for step in arguments.steps), "|")
    print("|---|" + "---|" * len(arguments.steps))
    for key, of_arm in groups.items():
        cells = " | ".join(cell(of_arm, step) for step in arguments.steps)
        print(f"| {label_of(key, groups)} | {cells} |")
    for key, of_arm in groups.items() if baseline else ():
        if str(of_arm[0].arm) != arguments.baseline:
            cells = " | ".join(difference(of_arm, baseline, step) for step in arguments.steps)
            print(f"| {label_of(key, groups)} against {arguments.baseline} | {cells} |")
    if arguments.plot is not None:
        arguments.plot.write_bytes(rendered(score_against_steps(runs), "png"))


if __name__ == "__main__":
    main()
