"""Findings in words: a gain is claimed only if its interval excludes zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.results.arm import FULL, RANDOM
from thinset.results.arm_words import plain_name
from thinset.results.grouping import label_of
from thinset.results.headlines import sentence_of
from thinset.results.summaries import baseline_of, difference_between
from thinset.results.verdicts import describe_difference, verdict_of
from thinset.results.wording import spoken_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from thinset.results.arm import Arm
    from thinset.results.summaries import ArmSummary, PairedDifference
    from thinset.results.verdicts import Verdict


@dataclass(frozen=True)
class Finding:
    """One comparison of an arm with the baseline: a headline and the sentences below it.

    label: the arm in plain words, told from other configurations of it.
    """

    summary: ArmSummary
    label: str
    verdict: Verdict
    headline: str
    details: tuple[str, ...]

    @property
    def comparison(self) -> str:
        """What the comparison holds equal."""
        return self.summary.configuration.comparison


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


def name_of(arm: Arm) -> str:
    """Return the name of a reference arm in sentences."""
    return "training on everything" if arm == FULL else plain_name(arm)


def _finding(summary: ArmSummary, summaries: Sequence[ArmSummary]) -> Finding:
    configuration, metric = summary.configuration, summary.metric
    label = label_of(configuration, [other.configuration for other in summaries])
    verdict = verdict_of(summary.versus_baseline, metric.sign)
    others = _against_other_full(summary, summaries)
    unit = metric.difference_unit
    details = [
        *_against_baseline(summary, verdict),
        *_against_full(summary, summaries),
        *(
            f"Against {name_of(arm)}: {describe_difference(other, unit)}."
            for arm, other in others.items()
        ),
        *_about_replay(summary),
    ]
    headline = sentence_of(summary, label, others)
    return Finding(summary, label, verdict, headline, tuple(details))


def _about_replay(summary: ArmSummary) -> Iterable[str]:
    n_stored = summary.replayed_steps
    if n_stored:
        others = summary.mean_steps - n_stored
        rest = f", then {others:,.0f} steps on everything" if others else " alone"
        yield f"It was replayed: trained by its {n_stored:,} stored steps{rest}."


def _against_other_full(
    summary: ArmSummary, summaries: Sequence[ArmSummary]
) -> dict[Arm, PairedDifference]:
    """The difference to other ways of training on everything, such as full:balanced."""
    configuration = summary.configuration
    differences = {
        other.configuration.arm: difference_between(summary, other)
        for other in summaries
        if other.configuration.arm.kind == "full"
        and other.configuration.arm not in (FULL, summary.baseline, configuration.arm)
        and other.configuration.comparison == configuration.comparison
        and other.configuration.total == configuration.total
    }
    return {arm: found for arm, found in differences.items() if found is not None}


def _against_baseline(summary: ArmSummary, verdict: Verdict) -> Iterable[str]:
    difference = summary.versus_baseline
    if difference is None:
        what = "a baseline" if summary.baseline is None else name_of(summary.baseline)
        yield f"No run of {what} shares a seed: the scores say nothing about the arm itself."
        return
    assert summary.baseline is not None
    described = describe_difference(difference, summary.metric.difference_unit)
    yield f"Against {name_of(summary.baseline)}: {described}."
    if verdict == "spread unknown" and len(difference.seeds) > 1:
        yield "All seeds differ by the same amount, so there is no spread to judge by."
    elif verdict == "spread unknown":
        yield "With one paired seed the spread is unknown: this difference may be chance."


def _against_full(summary: ArmSummary, summaries: Sequence[ArmSummary]) -> Iterable[str]:
    if summary.versus_full is None:
        return
    if summary.baseline != FULL:
        unit = summary.metric.difference_unit
        yield f"Against {name_of(FULL)}: {describe_difference(summary.versus_full, unit)}."
    key = summary.configuration
    full = baseline_of(key, FULL, [other.configuration for other in summaries])
    if key.comparison == "steps":
        seconds = next(s.mean_seconds for s in summaries if s.configuration == full)
        yield (
            f"It took {spoken_seconds(summary.mean_seconds)} in all, preparation included, "
            f"against {spoken_seconds(seconds)}."
        )
