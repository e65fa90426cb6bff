"""The report of a ranking: which arm ranks hyper-parameters as training on everything does."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thinset.report import plots, sections
from thinset.report.document import PageFigure, Shown, write_document
from thinset.report.html import element, facts, join, section, table
from thinset.results.student import mean_interval
from thinset.results.wording import PERCENT, spoken_seconds

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from thinset.report.html import Markup
    from thinset.results.ranking import ArmRanking
    from thinset.results.records import RunRecord

_NONE = "\N{EN DASH}"
_NOTE = (
    "Agreement is Kendall's tau-b between an arm's ranking of the settings and the reference's: 1 "
    "for the same order, 0 for no agreement. Regret is by how many points the reference training "
    "of the setting that an arm ranks first falls short of the best one. "
    f"Means over seeds with 95{PERCENT} Student intervals. All scores are on held-out training "
    "data; no test data are used. Seconds are those of all settings with one seed, preparation "
    "counted once."
)


@dataclass(frozen=True)
class RankingInputs:
    """What `write_ranking_report` draws; the first of `arms` is the reference.

    `left_out`: trainings that could not be made and score 0, and why.
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
        "One dot per setting: its accuracy in each arm against that of the long "
        "training on everything, means over seeds. The line is equality.",
        "Scatter plots of accuracies, one panel per arm",
        plots.rankings(reference, arms),
    )
    figures = {figure.name: figure}
    body = _body(inputs, Shown(figures))
    return write_document(inputs.title, body, figures, inputs.records, out, overwrite=overwrite)


def headline(arms: Sequence[ArmRanking]) -> str:
    """Say how far each arm's ranking agrees with the reference's; none is picked."""
    agreements = ", ".join(f"{arm.arm} {arm.mean_agreement:.2f}" for arm in arms[1:])
    return f"Agreement with the ranking by long training on everything: {agreements}"


def _body(inputs: RankingInputs, shown: Shown) -> Markup:
    header = (
        "arm", "agreement", "against random", "regret, points", "time",
        "of the reference's",
    )  # fmt: skip
    reference, *others = inputs.arms
    random = next((arm for arm in others if arm.arm == "random"), None)
    rows: list[tuple[Any, ...]] = [
        ("reference", "1", _NONE, "0", spoken_seconds(reference.seconds), f"100{PERCENT}")
    ]
    rows += [
        (
            arm.arm,
            _with_interval(arm.agreement.values()),
            _NONE if random is None or arm is random else _with_interval(_differences(arm, random)),
            _with_interval(arm.regret.values()),
            spoken_seconds(arm.seconds),
            f"{100 * arm.seconds / reference.seconds:.0f}{PERCENT}",
        )
        for arm in others
    ]
    settings = [str(setting) for setting in inputs.arms[0].accuracies]
    scores = [
        (name, *(f"{list(arm.accuracies.values())[row]:.1f}{PERCENT}" for arm in inputs.arms))
        for row, name in enumerate(settings)
    ]
    return join(
        [
            element(
                "header",
                element("p", inputs.title, css_class="kicker"),
                element("h1", headline(inputs.arms)),
                element("p", inputs.subject, css_class="scope"),
            ),
            section("", shown.full_width("rankings")),
            section("Results", table(header, rows), element("p", _NOTE, css_class="note")),
            section(
                "Every setting",
                table(("setting", *(arm.arm for arm in inputs.arms)), scores),
            ),
            section("Left out, and scored 0", facts(inputs.left_out)),
            section("Where the time went", sections.costs(inputs.stage_seconds)),
            sections.rerun(inputs.records, inputs.command, inputs.settings),
        ]
    )


def _differences(arm: ArmRanking, random: ArmRanking) -> list[float]:
    seeds = [seed for seed in arm.agreement if seed in random.agreement]
    return [arm.agreement[seed] - random.agreement[seed] for seed in seeds]


def _with_interval(values: Collection[float]) -> Markup:
    if not values:
        return element("span", _NONE)
    interval = mean_interval(tuple(values))
    small = "spread unknown" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
    return element("span", f"{statistics.fmean(values):.2f} ", element("small", small))
