"""Findings in words: a gain is claimed only if its interval excludes zero."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from thinset.results.arm import FULL, RANDOM
from thinset.results.grouping import label_of
from thinset.results.summaries import baseline_of, difference_between
from thinset.results.wording import PERCENT, spoken_points, spoken_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from thinset.results.arm import Arm
    from thinset.results.summaries import ArmSummary, PairedDifference

Verdict = Literal["better", "worse", "no evidence", "spread unknown", "no baseline"]

# Differences that agree to this many points have no usable spread (accuracies of a small test set
# move in coarse steps). An interval of zero width must not count as certainty.
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
    """One comparison of an arm with the baseline: a headline and the sentences below it."""

    comparison: str
    label: str
    verdict: Verdict
    headline: str
    details: tuple[str, ...]


def find(summaries: Sequence[ArmSummary]) -> tuple[Finding, ...]:
    """State, for every arm of interest, its gain over the baseline and over full.

    If the baseline is plain random selection, these are the arms that select or make data, if there
    are any; otherwise, every arm except the baseline.
    """
    compared = [s for s in summaries if s.configuration.arm != s.baseline]
    chosen = [s for s in compared if s.configuration.arm.kind in ("selected", "data")]
    if chosen and chosen[0].baseline in (RANDOM, None):
        compared = chosen
    return tuple(_finding(summary, summaries) for summary in compared)


def overall_headline(findings: Sequence[Finding], baseline: Arm | None = None) -> str:
    """Return one sentence for the top of the page; several arms are counted, none is picked."""
    if not findings:
        return "Only one arm was trained, so nothing is compared"
    first = [finding for finding in findings if finding.comparison == findings[0].comparison]
    if len(first) == 1:
        return first[0].headline
    counts = Counter(finding.verdict for finding in first)
    shares = ", ".join(
        f"{counts[verdict]} {word}" for verdict, word in _COUNTED.items() if counts[verdict]
    )
    against = "" if baseline is None else f" against {name_of(baseline)}"
    return f"{len(first)} arms{against} at {_EQUAL[first[0].comparison]}: {shares}"


def name_of(arm: Arm) -> str:
    """Return the name of a reference arm in sentences."""
    return "full training" if arm == FULL else str(arm)


def verdict_of(difference: PairedDifference | None, sign: int = 1) -> Verdict:
    """Judge a paired difference by its 95 % interval; `sign` is -1 if lower scores are better."""
    if difference is None:
        return "no baseline"
    if difference.interval is None:
        return "spread unknown"
    low, high = sorted(sign * bound for bound in difference.interval)
    if high - low < _NO_WIDTH:
        return "spread unknown"
    if low > 0.0:
        return "better"
    return "worse" if high < 0.0 else "no evidence"


def describe_difference(difference: PairedDifference, unit: str = "points") -> str:
    """Return "+1.2 points, 95 % interval +0.3 to +2.1, 4 paired seeds"."""
    parts = [f"{spoken_points(difference.mean)} {unit}".rstrip()]
    if verdict_of(difference) == "spread unknown":
        parts.append("spread unknown")
    elif difference.interval is not None:
        low, high = difference.interval
        parts.append(f"95{PERCENT} interval {spoken_points(low)} to {spoken_points(high)}")
    n = len(difference.seeds)
    parts.append(f"{n} paired seed{'s' if n > 1 else ''}")
    return ", ".join(parts)


def _finding(summary: ArmSummary, summaries: Sequence[ArmSummary]) -> Finding:
    configuration, metric = summary.configuration, summary.metric
    label = label_of(configuration, [other.configuration for other in summaries])
    verdict = verdict_of(summary.versus_baseline, metric.sign)
    others = _against_other_full(summary, summaries)
    equal = _EQUAL[configuration.comparison]
    baseline = "a baseline" if summary.baseline is None else name_of(summary.baseline)
    headlines: dict[Verdict, str] = {
        "better": f"{label} beats {baseline}{_and_full(summary, others)} at {equal}",
        "worse": f"{label} does worse than {baseline} at {equal}",
        "no evidence": f"No evidence that {label} beats {baseline} at {equal}",
        "spread unknown": f"Too few seeds to tell {label} from {baseline} at {equal}",
        "no baseline": f"{label} has no baseline at {equal}",
    }
    unit = metric.difference_unit
    details = [
        *_against_baseline(summary, verdict),
        *_against_full(summary, summaries),
        *(f"Against {name}: {describe_difference(other, unit)}." for name, other in others.items()),
        *_about_replay(summary),
    ]
    return Finding(configuration.comparison, label, verdict, headlines[verdict], tuple(details))


def _about_replay(summary: ArmSummary) -> Iterable[str]:
    n_stored = summary.replayed_steps
    if n_stored:
        others = summary.mean_steps - n_stored
        rest = f", then {others:,.0f} steps on everything" if others else " alone"
        yield f"It was replayed: trained by its {n_stored:,} stored steps{rest}."


def _and_full(summary: ArmSummary, others: Mapping[str, PairedDifference]) -> str:
    """Continue after "beats random": a gain over random alone may still be a loss against full."""
    if summary.baseline == FULL:
        return ""
    sign = summary.metric.sign
    better = [name for name, other in others.items() if verdict_of(other, sign) == "worse"]
    verdict = verdict_of(summary.versus_full, sign)
    if verdict == "worse":
        return " but not full training"
    but = f" but not {' or '.join(better)}" if better else ""
    return f" and full training{',' if but else ''}{but}" if verdict == "better" else but


def _against_other_full(
    summary: ArmSummary, summaries: Sequence[ArmSummary]
) -> dict[str, PairedDifference]:
    """The difference to other ways of training on everything, such as full:balanced, by name."""
    configuration = summary.configuration
    differences = {
        str(other.configuration.arm): difference_between(summary, other)
        for other in summaries
        if other.configuration.arm.kind == "full"
        and other.configuration.arm not in (FULL, summary.baseline, configuration.arm)
        and other.configuration.comparison == configuration.comparison
        and other.configuration.total == configuration.total
    }
    return {name: found for name, found in differences.items() if found is not None}


def _against_baseline(summary: ArmSummary, verdict: Verdict) -> Iterable[str]:
    difference = summary.versus_baseline
    if difference is None:
        what = "baseline" if summary.baseline is None else str(summary.baseline)
        yield f"No {what} run shares a seed: the scores say nothing about the arm itself."
        return
    assert summary.baseline is not None
    described = describe_difference(difference, summary.metric.difference_unit)
    yield f"Against {_NAMES.get(summary.baseline, str(summary.baseline))}: {described}."
    if verdict == "spread unknown" and len(difference.seeds) > 1:
        yield "All seeds differ by the same amount, so there is no spread to judge by."
    elif verdict == "spread unknown":
        yield "With one paired seed the spread is unknown: this difference may be chance."


def _against_full(summary: ArmSummary, summaries: Sequence[ArmSummary]) -> Iterable[str]:
    if summary.versus_full is None:
        return
    if summary.baseline != FULL:
        unit = summary.metric.difference_unit
        yield f"Against {_NAMES[FULL]}: {describe_difference(summary.versus_full, unit)}."
    key = summary.configuration
    full = baseline_of(key, FULL, [other.configuration for other in summaries])
    if key.comparison == "steps":
        seconds = next(s.mean_seconds for s in summaries if s.configuration == full)
        yield (
            f"It took {spoken_seconds(summary.mean_seconds)} in all, preparation included, "
            f"against {spoken_seconds(seconds)}."
        )


_NAMES = {FULL: "training on everything"}
