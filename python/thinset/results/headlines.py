"""The sentence at the top of a page: what to do, the scores, and the interval."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING

from thinset.results.arm import FULL, Arm
from thinset.results.arm_words import advised, plain_name
from thinset.results.grouping import label_of
from thinset.results.verdicts import spoken_interval, verdict_of
from thinset.results.wording import PERCENT, spoken_points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thinset.results.findings import Finding
    from thinset.results.summaries import ArmSummary, PairedDifference
    from thinset.results.verdicts import Verdict

EQUAL = {
    "time": "equal wall-clock time",
    "training time": "equal training time",
    "steps": "equal steps",
}
_MOST_NAMED = 3
_COUNTED: dict[Verdict, tuple[str, str]] = {
    "worse": ("does worse", "do worse"),
    "no evidence": ("shows no clear difference", "show no clear difference"),
    "spread unknown": ("has too few seeds to tell", "have too few seeds to tell"),
    "no baseline": ("has nothing to be compared with", "have nothing to be compared with"),
}


def with_name(arm: Arm) -> str:
    """Return the name of an arm behind a score: "with random samples", "on everything"."""
    return f"{'on' if arm.kind == 'full' else 'with'} {plain_name(arm)}"


def sentence_of(
    summary: ArmSummary,
    label: str,
    others: Mapping[Arm, PairedDifference],
) -> str:
    """Say what one arm's comparison with its baseline means, without the final full stop.

    label: the arm in plain words, told from other configurations. others: its difference to other
    ways of training on everything.
    """
    arm, difference = summary.configuration.arm, summary.versus_baseline
    equal = f"at {EQUAL[summary.configuration.comparison]}"
    if difference is None or summary.baseline is None:
        told = f"{_capital(label)} reaches {_spoken(summary, summary.mean)}"
        return f"{told}; there is nothing to compare it with {equal}"
    verdict = verdict_of(difference, summary.metric.sign)
    advice = advised(arm).replace(plain_name(arm), label)
    ours, theirs = _paired_means(summary, difference)
    reference = with_name(summary.baseline)
    beside = f"{_spoken(summary, ours)} against {_spoken(summary, theirs)} {reference} {equal}"
    alike = f"{_spoken(summary, ours)} with {label}, {_spoken(summary, theirs)} {reference} {equal}"
    if verdict == "worse":
        return f"Do not {advice[:1].lower()}{advice[1:]}: {beside}; {_interval(summary)}"
    if verdict == "no evidence":
        return f"No clear difference: {alike}; {_interval(summary)}"
    if verdict == "spread unknown" and len(difference.seeds) == 1:
        return f"One seed cannot tell: {alike}"
    if verdict == "spread unknown":
        return f"Too few seeds to tell: {alike}, and all seeds differ by the same amount"
    return _better(summary, advice, beside, others)


def overall_headline(findings: Sequence[Finding], summaries: Sequence[ArmSummary] = ()) -> str:
    """Return one sentence for the top of the page.

    Of several arms, those that are clearly better are named or counted; none is picked by its mean.
    """
    if not findings:
        return _of_one_arm(summaries)
    first = [finding for finding in findings if finding.comparison == findings[0].comparison]
    if len(first) == 1:
        return first[0].headline
    found = [finding.summary for finding in first]
    better = [finding for finding in first if finding.verdict == "better"]
    baseline = found[0].baseline
    equal = f"at {EQUAL[first[0].comparison]}"
    reference = "a baseline" if baseline is None else f"{plain_name(baseline)}{_common(found)}"
    beside_full = _beside_full(found)
    ways = _noun(found)
    if len(better) == 1:
        (only,) = better
        if is_better_on_everything(only.summary):
            return only.headline
        words = f"{advised(only.summary.configuration.arm)}, the only one of {len(first)} {ways}"
        means = _paired_means(only.summary, _difference(only.summary))
        ours, theirs = (_spoken(only.summary, mean) for mean in means)
        return (
            f"{words} that beats {plain_name(baseline or FULL)} {equal}: {ours} against {theirs}; "
            f"{_interval(only.summary)}{beside_full}"
        )
    if 1 < len(better) <= _MOST_NAMED:
        named = [
            f"{finding.label} ({spoken_interval(interval)})"
            for finding in better
            if (interval := _difference(finding.summary).interval) is not None
        ]
        listed = " or ".join(filter(None, (", ".join(named[:-1]), named[-1])))
        unit = f", in {found[0].metric.difference_unit}" if found[0].metric.difference_unit else ""
        return (
            f"{len(better)} of {len(first)} {ways} beat {reference} {equal}: {listed}; "
            f"in brackets the 95{PERCENT} interval of the difference{unit}{beside_full}"
        )
    if better:
        gains = [_difference(finding.summary).mean for finding in better]
        low, high = min(gains), max(gains)
        return (
            f"{len(better)} of {len(first)} {ways} beat {reference} {equal}, by "
            f"{spoken_points(low)} to {spoken_points(high)} {found[0].metric.difference_unit}"
        ).rstrip() + f"; the table shows which{beside_full}"
    counts = Counter(finding.verdict for finding in first)
    shares = ", ".join(
        f"{n} {_COUNTED[verdict][n > 1]}" for verdict in _COUNTED if (n := counts[verdict])
    )
    return f"None of {len(first)} {ways} clearly beats {reference} {equal}: {shares}{beside_full}"


def _noun(found: Sequence[ArmSummary]) -> str:
    """What the arms are: other ways to train on everything may stand beside chosen samples."""
    kinds = {summary.configuration.arm.kind for summary in found}
    return "subsets" if kinds == {"selected"} else "ways"


def is_better_on_everything(summary: ArmSummary) -> bool:
    """Whether training on everything is clearly better, and could be done instead.

    A subset alone is for those who cannot: for a budget of labels, for example.
    """
    fast = summary.configuration.fast_phase
    is_subset_alone = fast is not None and fast.split == 1.0
    return not is_subset_alone and verdict_of(summary.versus_full, summary.metric.sign) == "worse"


def _of_one_arm(summaries: Sequence[ArmSummary]) -> str:
    if not summaries:
        return "No training is finished yet"
    if len(summaries) > 1:
        return "Only the baseline was trained in every comparison, so nothing is compared"
    (summary,) = summaries
    name = label_of(summary.configuration, [summary.configuration])
    spread = summary.standard_deviation
    decimals = summary.metric.few_decimals
    around = "" if spread is None else f" ± {spread:.{decimals}f}"
    seeds = f"{summary.n} seed{'s' if summary.n > 1 else ''}"
    return (
        f"{_capital(name)} reaches {_spoken(summary, summary.mean)}{around} ({seeds}); "
        "nothing else was trained to compare it with"
    )


def _better(
    summary: ArmSummary, advice: str, beside: str, others: Mapping[Arm, PairedDifference]
) -> str:
    """A gain over random alone may still be a loss against training on everything."""
    sign, fast = summary.metric.sign, summary.configuration.fast_phase
    rivals = {} if summary.versus_full is None else {FULL: summary.versus_full}
    lost = {
        arm: difference
        for arm, difference in {**rivals, **others}.items()
        if arm != summary.baseline and verdict_of(difference, sign) == "worse"
    }
    if not lost:
        return f"{advice}: {beside}; {_interval(summary)}"
    rival, difference = next(iter(lost.items()))
    ours, theirs = _paired_means(summary, difference)
    if fast is not None and fast.split == 1.0:
        unless = f"if you cannot train on {plain_name(rival)} ({_spoken(summary, theirs)})"
        return f"{advice} {unless}: {beside}; {_interval(summary)}"
    name = advice.partition(" ")[2].removeprefix("on ")
    assert summary.baseline is not None
    return (
        f"{advised(rival)}: {_spoken(summary, theirs)} against {_spoken(summary, ours)} with "
        f"{name} at {EQUAL[summary.configuration.comparison]}; {_interval(summary, difference, -1)}"
        f". {_capital(name)} beats only {plain_name(summary.baseline)}"
    )


def _beside_full(found: Sequence[ArmSummary]) -> str:
    """The score of training on everything, where it is better than all of them."""
    differences = [summary.versus_full for summary in found]
    if found[0].baseline == FULL or any(
        verdict_of(difference, found[0].metric.sign) != "worse" for difference in differences
    ):
        return ""
    means = {
        _spoken(summary, _paired_means(summary, difference)[1])
        for summary, difference in zip(found, differences, strict=True)
        if difference is not None
    }
    return f". Training on everything reaches {means.pop()}" if len(means) == 1 else ""


def _common(found: Sequence[ArmSummary]) -> str:
    """The score of the baseline, if all are compared with the same one."""
    means = {
        _spoken(summary, _paired_means(summary, summary.versus_baseline)[1])
        for summary in found
        if summary.versus_baseline is not None
    }
    return f" ({means.pop()})" if len(means) == 1 else ""


def _paired_means(summary: ArmSummary, difference: PairedDifference) -> tuple[float, float]:
    """The mean score of an arm and of what it is compared with, over the seeds of both."""
    scores = dict(zip(summary.seeds, summary.scores, strict=True))
    ours = statistics.fmean(scores[seed] for seed in difference.seeds)
    return ours, ours - difference.mean


def _difference(summary: ArmSummary) -> PairedDifference:
    assert summary.versus_baseline is not None
    return summary.versus_baseline


def _interval(
    summary: ArmSummary, difference: PairedDifference | None = None, sign: int = 1
) -> str:
    interval = (difference or _difference(summary)).interval
    assert interval is not None
    low, high = sorted(sign * bound for bound in interval)
    unit = summary.metric.difference_unit
    return f"95{PERCENT} interval of the difference {spoken_interval((low, high))} {unit}".rstrip()


def _spoken(summary: ArmSummary, value: float) -> str:
    return summary.metric.spoken(value, summary.metric.few_decimals)


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
