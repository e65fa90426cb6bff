"""The report of a training that followed a plan: what was predicted, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.report import sections
from thinset.report.document import write_document
from thinset.report.html import element, facts, join, section, table
from thinset.results.plan import named_size, spoken_bytes
from thinset.results.wording import PERCENT, spoken_length, spoken_seconds

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from thinset.report.html import Markup
    from thinset.results.plan import Plan
    from thinset.results.records import RunRecord


def write_plan_report(
    plan: Plan,
    record: RunRecord,
    memory_bytes: int | None,
    settings: Mapping[str, Any],
    out: str | os.PathLike[str],
) -> Path:
    """Write the page and the record into the folder `out`; see write_document.

    memory_bytes: the most that the process held while it followed the plan; None where that is no
    longer known. settings: of the training, for the page.
    """
    title = f"{record.main_metric.spoken(record.score, 1)} after {spoken_length(plan.total)}"
    body = join(
        [
            element(
                "header",
                element("p", f"thinset on {plan.source}, as planned", css_class="kicker"),
                element("h1", title),
                element("p", f"The advice: {plan.advice}.", css_class="scope"),
            ),
            section(
                "The plan",
                element("ul", *(element("li", f"{reason}.") for reason in plan.reasons)),
                _choices(plan),
                element("p", _FORECASTS, css_class="note"),
                facts(plan.facts),
            ),
            section("Prediction and outcome", _outcome(plan, record, memory_bytes)),
            sections.rerun([record], plan.command, settings),
        ]
    )
    return write_document(title, body, {}, [record], out, overwrite=True)


_FORECASTS = (
    f"Accuracies are forecasts from short trainings, with a 95{PERCENT} interval as far as these "
    "tell; they were scored on training data held out, never on test data."
)


def _choices(plan: Plan) -> Markup:
    header = (
        "train on", "size", "split", "before training", "steps", "waiting", "in all", "memory",
        "disk", "accuracy",
    )  # fmt: skip
    rows = [
        (
            element("strong", str(choice.arm)) if choice is plan.choice else str(choice.arm),
            *named_size(choice),
            spoken_seconds(sum(choice.preparation_seconds.values())),
            f"{choice.steps:,}",
            f"{100 * choice.waiting_share:.0f}{PERCENT}",
            spoken_seconds(plan.planning_seconds + choice.seconds),
            spoken_bytes(choice.memory_bytes),
            spoken_bytes(choice.disk_bytes),
            "" if choice.accuracy is None else choice.accuracy.describe(),
        )
        for choice in plan.choices
    ]
    return table(header, rows)


def _outcome(plan: Plan, record: RunRecord, memory_bytes: int | None) -> Markup:
    choice = plan.choice
    predicted = {"planning": plan.planning_seconds, **choice.preparation_seconds}
    spent = dict(record.preparation_seconds)
    stages = [
        (stage, *_times(predicted.get(stage), spent.get(stage)))
        for stage in dict.fromkeys([*predicted, *spent])
    ]
    phases = [
        (
            f"{phase.name} on {phase.dataset}, {phase.steps:,} steps",
            "",
            spoken_seconds(phase.seconds),
        )
        for phase in record.phases
    ]
    rows = [
        *stages,
        *phases,
        ("all steps", *_times(choice.training_seconds, record.training_seconds)),
        ("of that, waiting for images", f"{100 * choice.waiting_share:.0f}{PERCENT}",
         f"{100 * record.data_wait_seconds / max(record.training_seconds, 1e-9):.0f}{PERCENT}"),
        ("evaluation", *_times(choice.evaluation_seconds, record.evaluation_seconds)),
        ("in all", *_times(plan.planning_seconds + choice.seconds, record.total_seconds)),
        ("steps", f"{choice.steps:,}", f"{record.steps:,}"),
        ("memory", spoken_bytes(choice.memory_bytes),
         "not recorded" if memory_bytes is None else spoken_bytes(memory_bytes)),
        (
            record.main_metric.label,
            "not predicted" if choice.accuracy is None else choice.accuracy.describe(),
            record.main_metric.spoken(record.score),
        ),
    ]  # fmt: skip
    return table(("", "predicted", "outcome"), rows)


def _times(predicted: float | None, outcome: float | None) -> tuple[str, str]:
    return (
        "" if predicted is None else spoken_seconds(predicted),
        "" if outcome is None else spoken_seconds(outcome),
    )
