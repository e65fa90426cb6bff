"""What the runs show, in words: a gain is claimed only where the interval leaves zero out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from thinset.results.grouping import label_of
from thinset.results.summaries import difference_between
from thinset.results.wording import PERCENT, spoken_points, spoken_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from thinset.results.grouping import Configuration
    from thinset.results.summaries import ArmSummary, PairedDifference

Verdict = Literal["better", "worse", "no evidence", "spread unknown", "no baseline"]

# Differences that agree to this many points have no spread to judge by (accuracies of a small test
# set move in coarse steps), so that an interval of no width is not taken for certainty.
_NO_WIDTH = 1e-6

_COUNTED: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "no evidence": "without a clear difference",
    "spread unknown": "with too few seeds to tell",
    "no baseline": "without a baseline",
}
_EQUAL = {
    "time": "equal wall-clock time",
    "training time": "equal training time",
    "steps": "equal steps",
}


@dataclass(frozen=True)
class Finding:
    """One comparison of a selection method with random: a headline and the sentences below it."""

    comparison: str
    label: str
    verdict: Verdict
    headline: str
    details: tuple[str, ...]


def find(summaries: Sequence[ArmSummary]) -> tuple[Finding, ...]:
    """State, for every selected configuration, what it gained over random and over full."""
    configurations = [summary.configuration for summary in summaries]
    by_configuration = {summary.configuration: summary for summary in summaries}
    return tuple(
        _finding(summary, label_of(summary.configuration, configurations), by_configuration)
        for summary in summaries
        if summary.configuration.arm == "selected"
    )


def overall_headline(findings: Sequence[Finding]) -> str:
    """Return one sentence for the top of the page; several methods are counted, none is picked."""
    if not findings:
        return "No selection was trained on, so nothing is compared"
    first = [finding for finding in findings if finding.comparison == findings[0].comparison]
    if len(first) == 1:
        return first[0].headline
    counts = Counter(finding.verdict for finding in first)
    shares = ", ".join(
        f"{counts[verdict]} {word}" for verdict, word in _COUNTED.items() if counts[verdict]
    )
    equal = _EQUAL[first[0].comparison]
    return f"{len(first)} selections against random at {equal}: {shares}"


def verdict_of(difference: PairedDifference | None) -> Verdict:
    """Judge a paired difference by its 95 % interval."""
    if difference is None:
        return "no baseline"
    if difference.interval is None:
        return "spread unknown"
    low, high = difference.interval
    if high - low < _NO_WIDTH:
        return "spread unknown"
    if low > 0.0:
        return "better"
    return "worse" if high < 0.0 else "no evidence"


def describe_difference(difference: PairedDifference) -> str:
    """Return "+1.2 points, 95 % interval +0.3 to +2.1, 4 paired seeds"."""
    parts = [f"{spoken_points(difference.mean)} points"]
    if verdict_of(difference) == "spread unknown":
        parts.append("spread unknown")
    elif difference.interval is not None:
        low, high = difference.interval
        parts.append(f"95{PERCENT} interval {spoken_points(low)} to {spoken_points(high)}")
    n = len(difference.seeds)
    parts.append(f"{n} paired seed{'s' if n > 1 else ''}")
    return ", ".join(parts)


def _finding(
    summary: ArmSummary, label: str, by_configuration: dict[Configuration, ArmSummary]
) -> Finding:
    comparison = summary.configuration.comparison
    verdict = verdict_of(summary.versus_random)
    others = _against_other_full(summary, by_configuration)
    equal = _EQUAL[comparison]
    headlines: dict[Verdict, str] = {
        "better": f"{label} beats random{_and_full(summary, others)} at {equal}",
        "worse": f"{label} does worse than random at {equal}",
        "no evidence": f"No evidence that {label} beats random at {equal}",
        "spread unknown": f"Too few seeds to tell {label} from random at {equal}",
        "no baseline": f"{label} has no random baseline at {equal}",
    }
    details = [
        *_against_random(summary, verdict),
        *_against_full(summary, by_configuration),
        *(f"Against {name}: {describe_difference(other)}." for name, other in others.items()),
    ]
    return Finding(comparison, label, verdict, headlines[verdict], tuple(details))


def _and_full(summary: ArmSummary, others: Mapping[str, PairedDifference]) -> str:
    """Go on after "beats random": a gain over random alone may still be a loss."""
    better = [name for name, difference in others.items() if verdict_of(difference) == "worse"]
    verdict = verdict_of(summary.versus_full)
    if verdict == "worse":
        return " but not full training"
    but = f" but not {' or '.join(better)}" if better else ""
    return f" and full training{',' if but else ''}{but}" if verdict == "better" else but


def _against_other_full(
    summary: ArmSummary, by_configuration: Mapping[Configuration, ArmSummary]
) -> dict[str, PairedDifference]:
    """The difference to other ways of training on everything, such as full:balanced, by name."""
    configuration = summary.configuration
    differences = {
        other.method: difference_between(summary, by_configuration[other])
        for other in by_configuration
        if other.arm == "full"
        and other.method != "full"
        and (other.comparison, other.total) == (configuration.comparison, configuration.total)
    }
    return {name: found for name, found in differences.items() if found is not None}


def _against_random(summary: ArmSummary, verdict: Verdict) -> Iterable[str]:
    difference = summary.versus_random
    if difference is None:
        yield "No random run shares a seed: the scores say nothing about the selection itself."
        return
    yield f"Against random: {describe_difference(difference)}."
    if verdict == "spread unknown" and len(difference.seeds) > 1:
        yield "All seeds differ by the same amount, so there is no spread to judge by."
    elif verdict == "spread unknown":
        yield "With one paired seed the spread is unknown: this difference may be chance."


def _against_full(
    summary: ArmSummary, by_configuration: dict[Configuration, ArmSummary]
) -> Iterable[str]:
    if summary.versus_full is None:
        return
    yield f"Against training on everything: {describe_difference(summary.versus_full)}."
    configuration = summary.configuration
    full = by_configuration[
        configuration._replace(arm="full", method="full", n_subset=None, split=None)
    ]
    if configuration.comparison == "steps":
        yield (
            f"It took {spoken_seconds(summary.mean_seconds)} in all, "
            f"selection included, against {spoken_seconds(full.mean_seconds)}."
        )
