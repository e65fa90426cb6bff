"""The page of a probe: one piece of advice, and the measurements behind it."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from thinset.report import sections
from thinset.report.cells import NONE, Cell, NextStep, facts, table
from thinset.report.document import write_document
from thinset.results.arm_words import plain_name
from thinset.results.verdicts import (
    interval_with_width,
    spoken_interval,
    spoken_lack_of_spread,
)
from thinset.results.wording import PERCENT, spoken_points, spoken_seconds

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from thinset.report.cells import Table
    from thinset.results.probe import Probe
    from thinset.results.summaries import PairedDifference

_MOST_NAMED = 3


def write_probe_report(
    probe: Probe, command: str, settings: Mapping[str, Any], out: str | os.PathLike[str]
) -> Path:
    """Write the page into the folder `out`; see write_document.

    command: the command line of the probe. settings: of the probe, for the page.
    """
    advice = probe.advice
    content = {
        "title": f"A probe of {probe.source}",
        "headline": _headline(probe),
        "scope": f"Why: {advice.reason}.",
        "next_step": NextStep(
            "train as you do now; there is nothing to run."
            if advice.command is None
            else f"it costs {advice.cost}.",
            advice.command,
        ),
        "also": advice.also,
        "sureness": f"{advice.sureness}; {advice.why_sure}",
        "trainings": _trainings(probe),
        "n_steps": f"{probe.steps:,}",
        "n_sampled": f"{probe.n_sampled:,}",
        "n_held_out": f"{probe.n_held_out:,}",
        "measured": facts(probe.facts.in_words()),
        "not_measured": facts(probe.not_measured),
        "took": spoken_seconds(probe.seconds),
        "rerun": sections.rerun([], command, settings),
    }
    return write_document("probe.html.j2", content, {}, [], out, overwrite=True)


def _headline(probe: Probe) -> str:
    """The advice, and what short trainings showed of the ways that were tried."""
    advice = probe.advice.sentence.removesuffix(".")
    if not probe.arms:
        return advice
    full, *others = probe.arms
    shown = [
        f"{plain_name(arm.arm)} {spoken_points(difference.mean)} points ({_around(difference)})"
        for arm in others[:_MOST_NAMED]
        if (difference := arm.minus(full)) is not None
    ]
    if not shown:
        return advice
    return (
        f"{advice}. Short trainings against everything: {', '.join(shown)}; in brackets the "
        f"95{PERCENT} interval"
    )


def _around(difference: PairedDifference) -> str:
    interval = interval_with_width(difference)
    if interval is None:
        return spoken_lack_of_spread(len(difference.seeds))
    return spoken_interval(interval)


def _trainings(probe: Probe) -> Table | None:
    """Each way to train, with its difference to the first, training on everything."""
    if not probe.arms:
        return None
    full = probe.arms[0]
    rows = [
        (
            Cell(str(arm.arm), plain_name(arm.arm)),
            Cell(f"{statistics.fmean(arm.scores):.1f}{PERCENT}", is_strong=True),
            len(arm.scores),
            NONE if arm is full else sections.difference(arm.minus(full)),
        )
        for arm in probe.arms
    ]
    return table(("train on", "held-out accuracy", "seeds", "against everything, points"), rows)
