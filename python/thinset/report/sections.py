"""What the sections of several pages show, ready for templates/parts.html.j2."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from thinset.report.cells import NONE, Cell, facts, table
from thinset.results.arm import FULL
from thinset.results.arm_words import plain_name
from thinset.results.grouping import code_of, colour_of, group_runs, label_of
from thinset.results.overtaking import overtakings
from thinset.results.time_to_accuracy import times_to_accuracy
from thinset.results.verdicts import (
    interval_with_width,
    spoken_interval,
    spoken_lack_of_spread,
)
from thinset.results.wording import spoken_length, spoken_points, spoken_seconds, spoken_share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from thinset.report.cells import Table
    from thinset.results.arm import Arm
    from thinset.results.findings import Finding
    from thinset.results.grouping import Configuration
    from thinset.results.records import RunRecord
    from thinset.results.summaries import ArmSummary, PairedDifference

_SHORT_SHARE, _SHORT_SECONDS = 0.02, 0.1
"""Stages below this share of the time, or below these seconds, have one line together"""
_COMPARISON_TITLES = {
    "time": "Equal wall-clock time",
    "training time": "Equal training time, preparation not counted",
    "steps": "Equal training steps",
}


def cards(summaries: Sequence[ArmSummary], findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return what each comparison found: a title, the score of each arm, and findings."""
    among = [summary.configuration for summary in summaries]
    return [
        {
            "title": f"{title} ({', '.join(_totals(arms))})",
            "scores": [_score(arm, among) for arm in arms],
            "findings": [finding for finding in findings if finding.comparison == comparison],
        }
        for comparison, title, arms in by_comparison(summaries)
    ]


def results(summaries: Sequence[ArmSummary], records: Sequence[RunRecord]) -> dict[str, Any] | None:
    """Return a table per comparison with its title, the unit of differences, and every run."""
    if not summaries:
        return None
    among = [summary.configuration for summary in summaries]
    unit = summaries[0].metric.difference_unit
    return {
        "tables": [
            (title, _summary_table(arms, among)) for _, title, arms in by_comparison(summaries)
        ],
        "unit": {"points": "percentage points", "": "the unit of the score"}.get(unit, unit),
        "runs": _runs_table(among, records),
    }


def time_to_accuracy(records: Sequence[RunRecord]) -> Table | None:
    """Return when each arm reaches the final score of full-data training; None if unknown."""
    times = times_to_accuracy([run for run in records if run.comparison != "steps"])
    if len(times) < 2:
        return None
    among = [arm.configuration for arm in times]
    rows = [
        (
            _named(arm.configuration, among),
            arm.configuration.comparison,
            f"{arm.n_reached} of {len(arm.seeds)}",
            _mean_of(arm.seconds, spoken_seconds),
            _mean_of(arm.speedups, "{:.2f}".format),
        )
        for arm in times
    ]
    return table(("arm", "at equal", "reached", "time", "speed-up"), rows)


def overtaken(records: Sequence[RunRecord], baseline: Arm | None) -> dict[str, Any] | None:
    """Return when arms are better than the baseline during training; None if unknown."""
    found = () if baseline is None else overtakings(records, baseline)
    if not found:
        return None
    among = [one.configuration for one in found]
    rows = [
        (
            _named(one.configuration, among),
            "never" if one.first_step is None else f"{one.first_step:,}",
            f"{one.n_better} of {one.n_compared}",
            len(one.seeds),
        )
        for one in found
    ]
    header = ("arm", "first step above it", "evaluations above it", "n")
    assert baseline is not None
    return {"baseline": plain_name(baseline), "table": table(header, rows)}


def costs(stage_seconds: Mapping[str, float]) -> Table | None:
    """Return the time that each stage took; None where none was measured."""
    if not stage_seconds:
        return None
    total = sum(stage_seconds.values())
    merged: dict[str, list[float]] = {}
    for stage, seconds in stage_seconds.items():
        # "selection (kmeans-k0.1-seed0)": one line for all subsets.
        merged.setdefault(stage.partition(" (")[0].replace("_", " "), []).append(seconds)
    least = max(_SHORT_SHARE * total, _SHORT_SECONDS)
    short = [stage for stage, times in merged.items() if sum(times) < least]
    lines = {
        f"{stage} ({len(times)} times)" if len(times) > 1 else stage: sum(times)
        for stage, times in merged.items()
        if len(short) < 2 or stage not in short
    }
    if len(short) > 1:
        lines[f"{len(short)} shorter stages"] = sum(sum(merged[stage]) for stage in short)
    rows = [
        (stage, spoken_seconds(seconds), spoken_share(seconds, total))
        for stage, seconds in lines.items()
    ]
    return table(("stage", "time", "share"), [*rows, ("total", spoken_seconds(total), "")])


def rerun(
    records: Sequence[RunRecord], command: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the command, the settings, the machines and the versions."""
    machines = _distinct(run.hardware for run in records)
    versions = _distinct(run.versions for run in records)
    return {
        "command": command,
        "settings": facts(settings),
        "n_machines": len(machines),
        "machines": [facts(machine) for machine in machines if machine],
        "versions": [facts(version) for version in versions if version],
    }


def with_unit(number: str, unit: str) -> str:
    """Return a number with the unit of its metric; some metrics have none."""
    return f"{number}\N{NO-BREAK SPACE}{unit}" if unit else number


def by_comparison(
    summaries: Sequence[ArmSummary],
) -> Iterator[tuple[str, str, list[ArmSummary]]]:
    """Yield each comparison, its title and its arms."""
    for comparison, title in _COMPARISON_TITLES.items():
        arms = [arm for arm in summaries if arm.configuration.comparison == comparison]
        if arms:
            yield comparison, title, arms


def _totals(arms: Sequence[ArmSummary]) -> list[str]:
    totals = sorted({arm.configuration.total for arm in arms}, key=str)
    return [spoken_length(total) for total in totals]


def _score(arm: ArmSummary, among: Sequence[Configuration]) -> dict[str, str]:
    decimals, deviation = arm.metric.few_decimals, arm.standard_deviation
    spread = "" if deviation is None else f"± {deviation:.{decimals}f}, "
    return {
        "arm": label_of(arm.configuration, among),
        "colour": colour_of(arm.configuration, among),
        "value": f"{arm.mean:.{decimals}f}",
        "unit": with_unit("", arm.metric.unit),
        "spread": f"{spread}n = {arm.n}",
    }


def _mean_of(values: Sequence[float | None], spoken: Callable[[float], str]) -> Cell:
    """Return the mean of values with their range; a dash where one of them is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return Cell(NONE)
    value_range = f"{spoken(min(known))} to {spoken(max(known))}" if len(known) > 1 else ""
    return Cell(spoken(statistics.fmean(known)), value_range)


def _mean(arm: ArmSummary) -> Cell:
    deviation = arm.standard_deviation
    spread = "spread unknown" if deviation is None else f"± {deviation:.{arm.metric.decimals}f}"
    return Cell(arm.metric.spoken(arm.mean), spread, is_strong=True)


def _summary_table(arms: Sequence[ArmSummary], among: Sequence[Configuration]) -> Table:
    # Full-data training has a column of its own, unless it is the baseline.
    baseline = None if arms[0].baseline == FULL else arms[0].baseline
    header = (
        "arm", "samples", arms[0].metric.label, "n", "seeds",
        *([] if baseline is None else [f"against {plain_name(baseline)}"]), "against everything",
        "steps", "preparation", "total time",
    )  # fmt: skip
    rows: list[tuple[Cell | str | int, ...]] = [
        (
            _named(arm.configuration, among),
            Cell(f"{arm.n_samples:,}", "replayed" if arm.replayed_steps else ""),
            _mean(arm),
            arm.n,
            ", ".join(str(seed) for seed in arm.seeds),
            *([] if baseline is None else [difference(arm.versus_baseline)]),
            difference(arm.versus_full),
            f"{arm.mean_steps:,.0f}",
            spoken_seconds(arm.mean_preparation_seconds),
            spoken_seconds(arm.mean_seconds),
        )
        for arm in arms
    ]
    return table(header, rows)


def _runs_table(among: Sequence[Configuration], records: Sequence[RunRecord]) -> Table:
    metrics = records[0].metrics
    names = [name for name in metrics if all(name in run.final for run in records)]
    header = (
        "arm", "seed", *(metrics[name].label for name in names), "steps",
        "preparation", "training", "evaluation", "waiting for data",
    )  # fmt: skip
    groups = group_runs(records)
    rows: list[tuple[Cell | str | int, ...]] = [
        (
            _named(configuration, among, f", equal {configuration.comparison}"),
            run.seed,
            *(_score_of(run, name) for name in names),
            f"{run.steps:,}",
            spoken_seconds(sum(run.preparation_seconds.values())),
            spoken_seconds(run.training_seconds),
            spoken_seconds(run.evaluation_seconds),
            spoken_seconds(run.data_wait_seconds),
        )
        for configuration in among
        for run in groups[configuration]
    ]
    return table(header, rows)


def _score_of(run: RunRecord, name: str) -> str:
    score = run.final[name]
    spoken = run.metrics[name].spoken(score.value)
    if score.spread is None:
        return spoken
    return f"{spoken} ± {score.spread:.2f} ({score.n_networks} networks)"


def _named(configuration: Configuration, among: Sequence[Configuration], suffix: str = "") -> Cell:
    return Cell(
        f"{code_of(configuration, among)}{suffix}",
        remark=plain_name(configuration.arm),
        colour=colour_of(configuration, among),
    )


def difference(found: PairedDifference | None) -> Cell:
    """A difference in points with its interval."""
    if found is None:
        return Cell(NONE)
    mean = spoken_points(found.mean)
    interval = interval_with_width(found)
    if interval is None:
        return Cell(mean, spoken_lack_of_spread(len(found.seeds)))
    return Cell(mean, spoken_interval(interval))


def _distinct(mappings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    distinct: list[Mapping[str, Any]] = []
    for mapping in mappings:
        if mapping not in distinct:
            distinct.append(mapping)
    return distinct
