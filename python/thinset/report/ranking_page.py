"""The report of a ranking: how well arms rank hyper-parameters, against full-data training."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thinset.report import plots, sections
from thinset.report.cells import NONE, Cell, facts, table
from thinset.report.document import PageFigure, write_document
from thinset.results.arm import RANDOM
from thinset.results.student import mean_interval
from thinset.results.wording import PERCENT, spoken_seconds

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from thinset.report.cells import Table
    from thinset.results.ranking import ArmRanking
    from thinset.results.records import RunRecord


@dataclass(frozen=True)
class RankingInputs:
    """What `write_ranking_report` draws; the first of `arms` is the reference.

    `left_out`: trainings that failed and score 0, with the reason.
    """

    title: str
    subject: str
    arms: Sequence[ArmRanking]
    records: Sequence[RunRecord]
    command: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


def write_ranking_report(
    inputs: RankingInputs, out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write the page, its plot and its records into the folder `out`; see write_document."""
    reference, *arms = inputs.arms
    figure = PageFigure(
        "rankings",
        "One dot per setting: its accuracy in the arm against its accuracy in the reference, the "
        "long training on everything. Means over seeds; on the line, both are equal.",
        "Scatter plots of accuracies, one panel per arm",
        plots.rankings(reference, arms),
    )
    content = {
        "title": inputs.title,
        "headline": headline(inputs.arms),
        "scope": inputs.subject,
        "results": _results(reference, arms),
        "scores": _scores(inputs.arms),
        "left_out": facts(inputs.left_out),
        "costs": sections.costs(inputs.stage_seconds),
        "rerun": sections.rerun(inputs.records, inputs.command, inputs.settings),
    }
    figures = {figure.name: figure}
    return write_document(
        "ranking.html.j2", content, figures, inputs.records, out, overwrite=overwrite
    )


def headline(arms: Sequence[ArmRanking]) -> str:
    """State each arm's agreement with the reference; no arm is picked."""
    agreements = ", ".join(f"{arm.arm} {arm.mean_agreement:.2f}" for arm in arms[1:])
    return f"Agreement with the ranking by long training on everything: {agreements}"


def _results(reference: ArmRanking, arms: Sequence[ArmRanking]) -> Table:
    header = (
        "arm", "agreement", "against random", "regret, points", "time",
        "of reference time",
    )  # fmt: skip
    random = next((arm for arm in arms if arm.arm == RANDOM), None)
    rows: list[tuple[Cell | str, ...]] = [
        ("reference", "1", NONE, "0", spoken_seconds(reference.seconds), f"100{PERCENT}")
    ]
    rows += [
        (
            str(arm.arm),
            _with_interval(arm.agreement.values()),
            NONE if random is None or arm is random else _with_interval(_differences(arm, random)),
            _with_interval(arm.regret.values()),
            spoken_seconds(arm.seconds),
            f"{100 * arm.seconds / reference.seconds:.0f}{PERCENT}",
        )
        for arm in arms
    ]
    return table(header, rows)


def _scores(arms: Sequence[ArmRanking]) -> Table:
    rows = [
        (str(setting), *(f"{arm.accuracies[setting]:.1f}{PERCENT}" for arm in arms))
        for setting in arms[0].accuracies
    ]
    return table(("setting", *(str(arm.arm) for arm in arms)), rows)


def _differences(arm: ArmRanking, random: ArmRanking) -> list[float]:
    seeds = [seed for seed in arm.agreement if seed in random.agreement]
    return [arm.agreement[seed] - random.agreement[seed] for seed in seeds]


def _with_interval(values: Collection[float]) -> Cell:
    if not values:
        return Cell(NONE)
    interval = mean_interval(tuple(values))
    remark = "spread unknown" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
    return Cell(f"{statistics.fmean(values):.2f}", remark)
