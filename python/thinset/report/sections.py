"""The sections of the report page, each a piece of HTML."""

from __future__ import annotations

import operator
import statistics
from typing import TYPE_CHECKING, Any

from thinset.report.html import Markup, details, element, facts, join, section, table
from thinset.results.arm import FULL
from thinset.results.findings import overall_headline, verdict_of
from thinset.results.grouping import colour_of, group_runs, label_of
from thinset.results.time_to_accuracy import times_to_accuracy
from thinset.results.wording import (
    PERCENT,
    spoken_length,
    spoken_points,
    spoken_seconds,
    spoken_share,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from thinset.report.run_inputs import ReportInputs
    from thinset.results.findings import Finding
    from thinset.results.grouping import Configuration
    from thinset.results.records import RunRecord
    from thinset.results.summaries import ArmSummary, PairedDifference

_COMPARISON_TITLES = {
    "time": "Equal wall-clock time",
    "training time": "Equal training time, preparation not counted",
    "steps": "Equal training steps",
}


def run_masthead(
    inputs: ReportInputs, summaries: Sequence[ArmSummary], findings: Sequence[Finding]
) -> Markup:
    """Return the top of the page: what was gained, in words, and each arm's score."""
    n, k = len(inputs.images), len(inputs.selected_indices)
    baseline = summaries[0].baseline if summaries else None
    height, width, channels = inputs.images.shape[1:]
    scope = (
        f"{inputs.dataset_name}: {k:,} of {n:,} samples selected ({spoken_share(k, n)}), "
        f"{height} \N{MULTIPLICATION SIGN} {width} \N{MULTIPLICATION SIGN} {channels}"
    )
    return element(
        "header",
        element("p", inputs.title, css_class="kicker"),
        element("h1", overall_headline(findings, baseline)),
        element("p", scope, css_class="scope"),
        *_findings_by_comparison(summaries, findings),
    )


def results(summaries: Sequence[ArmSummary], records: Sequence[RunRecord]) -> Markup:
    """Return a table per comparison, and every single run."""
    tables = [
        join([element("h3", title), _summary_table(summaries, comparison)])
        for comparison, title in _COMPARISON_TITLES.items()
        if any(summary.configuration.comparison == comparison for summary in summaries)
    ]
    note = (
        "Scores are those of the finished model on the test set, mean ± sample standard deviation "
        f"over seeds. Differences are paired by seed, in {_unit(summaries)}, with the "
        f"95{PERCENT} Student t interval of their mean; it covers the variation between seeds, not "
        "the finite size of the test set. Seconds cover preparation, training and evaluation."
    )
    if not tables:
        return Markup("")
    return section(
        "Results", *tables, element("p", note, css_class="note"),
        details("Every run", _runs_table(summaries, records)),
    )  # fmt: skip


def time_to_accuracy(records: Sequence[RunRecord]) -> Markup:
    """Return how soon each arm is as good as everything is in the end, where curves tell."""
    timed = [run for run in records if run.comparison != "steps"]
    times = times_to_accuracy(timed)
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
    if len(rows) < 2:
        return Markup("")
    note = (
        "How soon an arm reaches the final score of training on everything with the same "
        "seed, in the time that is held equal, evaluations included; read between two evaluations "
        "along a straight line. Mean, and the range over seeds, where every seed gets there. The "
        "speed-up is the time that everything needs over the arm's."
    )
    return section(
        "Time to full-data accuracy",
        table(("arm", "at equal", "reached", "time", "speed-up"), rows),
        element("p", note, css_class="note"),
    )


def costs(stage_seconds: Mapping[str, float]) -> Markup:
    """Return the seconds that each stage of making these results took."""
    if not stage_seconds:
        return Markup("")
    total = sum(stage_seconds.values())
    rows = [
        (stage.replace("_", " "), spoken_seconds(seconds), spoken_share(seconds, total))
        for stage, seconds in stage_seconds.items()
    ]
    rows.append(("total", spoken_seconds(total), ""))
    return element(
        "div",
        element("h3", "Making all of these results"),
        table(("stage", "time", "share"), rows),
        css_class="narrow totalled",
    )


def rerun(records: Sequence[RunRecord], command: str, settings: Mapping[str, Any]) -> Markup:
    """Return the command, the settings, the machines and the versions."""
    machines = _distinct(run.hardware for run in records)
    versions = _distinct(run.versions for run in records)
    warning = (
        element("p", f"The runs come from {len(machines)} machines: times cannot be compared.")
        if len(machines) > 1
        else Markup("")
    )
    return section(
        "How to run it again",
        element("pre", element("code", command)),
        details("Settings", facts(settings)) if settings else Markup(""),
        warning,
        *(join([element("h3", "Hardware"), facts(machine)]) for machine in machines if machine),
        *(join([element("h3", "Software"), facts(version)]) for version in versions if version),
    )


def _unit(summaries: Sequence[ArmSummary]) -> str:
    unit = summaries[0].metric.difference_unit if summaries else ""
    return {"points": "percentage points", "": "the unit of the score"}.get(unit, unit)


def _findings_by_comparison(
    summaries: Sequence[ArmSummary], findings: Sequence[Finding]
) -> list[Markup]:
    cards = []
    for comparison, title in _COMPARISON_TITLES.items():
        arms = [s for s in summaries if s.configuration.comparison == comparison]
        if not arms:
            continue
        told = [finding for finding in findings if finding.comparison == comparison]
        cards.append(
            element(
                "article",
                element("h2", f"{title} ({', '.join(_totals(arms))})"),
                element("div", *(_score(arm, summaries) for arm in arms), css_class="scores"),
                *(_told(finding) for finding in told),
            )
        )
    return [element("div", *cards, css_class="cards")] if cards else []


def _told(finding: Finding) -> Markup:
    sentences = (element("li", sentence) for sentence in finding.details)
    return join([element("p", element("strong", finding.headline)), element("ul", *sentences)])


def _totals(arms: Sequence[ArmSummary]) -> list[str]:
    totals = sorted({arm.configuration.total for arm in arms}, key=str)
    return [spoken_length(total) for total in totals]


def _score(arm: ArmSummary, summaries: Sequence[ArmSummary]) -> Markup:
    among = [summary.configuration for summary in summaries]
    unit = f"\N{NO-BREAK SPACE}{arm.metric.unit}" if arm.metric.unit else ""
    return element(
        "div",
        element("span", label_of(arm.configuration, among), css_class="arm"),
        element("span", f"{arm.mean:.1f}", element("small", unit), css_class="value"),
        element("span", _spread_and_n(arm), css_class="spread"),
        css_class="score",
        style=f"--arm: {colour_of(arm.configuration, among)}",
    )


def _spread_and_n(arm: ArmSummary) -> str:
    n = f"n = {arm.n}"
    return n if arm.standard_deviation is None else f"± {arm.standard_deviation:.1f}, {n}"


def _mean_of(values: Sequence[float | None], spoken: Callable[[float], str]) -> Markup:
    """Return the mean of values with their range; a dash where one of them is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return Markup("\N{EN DASH}")
    value_range = f"{spoken(min(known))} to {spoken(max(known))}" if len(known) > 1 else ""
    return element("span", spoken(statistics.fmean(known)), " ", element("small", value_range))


def _mean(arm: ArmSummary) -> Markup:
    deviation = arm.standard_deviation
    decimals = arm.metric.decimals
    spread = "spread unknown" if deviation is None else f"± {deviation:.{decimals}f}"
    return element("strong", f"{arm.metric.spoken(arm.mean)} ", element("small", spread))


def _summary_table(summaries: Sequence[ArmSummary], comparison: str) -> Markup:
    metric = summaries[0].metric
    baselines = _baselines(summaries[0])
    header = (
        "arm", "samples", metric.label, "n", "seeds",
        *(f"against {name}" for name in baselines), "steps", "preparation", "in all",
    )  # fmt: skip
    rows = [
        (
            _arm_name(arm, summaries),
            f"{arm.n_samples:,}",
            _mean(arm),
            arm.n,
            ", ".join(str(seed) for seed in arm.seeds),
            *(_difference(difference(arm)) for difference in baselines.values()),
            f"{arm.mean_steps:,.0f}",
            spoken_seconds(arm.mean_preparation_seconds),
            spoken_seconds(arm.mean_seconds),
        )
        for arm in summaries
        if arm.configuration.comparison == comparison
    ]
    return table(header, rows)


def _baselines(
    summary: ArmSummary,
) -> dict[str, Callable[[ArmSummary], PairedDifference | None]]:
    """The columns of differences: to the baseline, and to everything where that is another."""
    columns: dict[str, Callable[[ArmSummary], PairedDifference | None]] = {}
    if summary.baseline not in (None, FULL):
        columns[str(summary.baseline)] = operator.attrgetter("versus_baseline")
    columns["full"] = operator.attrgetter("versus_full")
    return columns


def _runs_table(summaries: Sequence[ArmSummary], records: Sequence[RunRecord]) -> Markup:
    metrics = records[0].metrics
    names = [name for name in metrics if all(name in run.final for run in records)]
    header = (
        "arm", "seed", *(metrics[name].label for name in names), "steps",
        "preparation", "training", "evaluation", "waiting for data",
    )  # fmt: skip
    groups = group_runs(records)
    rows = [
        (
            _arm_name(arm, summaries, with_comparison=True),
            run.seed,
            *(_score_of(run, name) for name in names),
            f"{run.steps:,}",
            spoken_seconds(sum(run.preparation_seconds.values())),
            spoken_seconds(run.training_seconds),
            spoken_seconds(run.evaluation_seconds),
            spoken_seconds(run.data_wait_seconds),
        )
        for arm in summaries
        for run in groups[arm.configuration]
    ]
    return table(header, rows)


def _score_of(run: RunRecord, name: str) -> str:
    score = run.final[name]
    spoken = run.metrics[name].spoken(score.value)
    if score.spread is None:
        return spoken
    return f"{spoken} ± {score.spread:.2f} ({score.n_networks} networks)"


def _arm_name(
    arm: ArmSummary, summaries: Sequence[ArmSummary], *, with_comparison: bool = False
) -> Markup:
    among = [summary.configuration for summary in summaries]
    suffix = f", equal {arm.configuration.comparison}" if with_comparison else ""
    return _named(arm.configuration, among, suffix)


def _named(
    configuration: Configuration, among: Sequence[Configuration], suffix: str = ""
) -> Markup:
    return element(
        "span", f"{label_of(configuration, among)}{suffix}", css_class="arm",
        style=f"--arm: {colour_of(configuration, among)}",
    )  # fmt: skip


def _difference(difference: PairedDifference | None) -> Any:
    if difference is None:
        return "\N{EN DASH}"
    if difference.interval is None or verdict_of(difference) == "spread unknown":
        return element(
            "span", spoken_points(difference.mean), " ", element("small", "spread unknown")
        )
    low, high = difference.interval
    interval = f"{spoken_points(low)} to {spoken_points(high)}"
    return element("span", spoken_points(difference.mean), " ", element("small", interval))


def _distinct(mappings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    distinct: list[Mapping[str, Any]] = []
    for mapping in mappings:
        if mapping not in distinct:
            distinct.append(mapping)
    return distinct
