"""The report of a training that followed a plan: prediction and outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.report import sections
from thinset.report.cells import Cell, facts, table
from thinset.report.document import write_document
from thinset.results.plan import named_size, spoken_bytes
from thinset.results.wording import PERCENT, spoken_length, spoken_seconds

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from thinset.report.cells import Table
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

    Args:
        memory_bytes: peak memory of the process while it followed the plan; None if unknown.
        settings: of the training, for the page.
    """
    title = f"{record.main_metric.spoken(record.score, 1)} after {spoken_length(plan.total)}"
    content = {
        "title": title,
        "headline": title,
        "scope": f"The advice: {plan.advice}.",
        "source": plan.source,
        "reasons": plan.reasons,
        "choices": _choices(plan),
        "measured": facts(plan.facts),
        "outcome": _outcome(plan, record, memory_bytes),
        "rerun": sections.rerun([record], plan.command, settings),
    }
    return write_document("plan.html.j2", content, {}, [record], out, overwrite=True)


def _choices(plan: Plan) -> Table:
    header = (
        "train on", "size", "split", "before training", "steps", "waiting for data", "total time",
        "memory", "disk", "accuracy",
    )  # fmt: skip
    rows = [
        (
            Cell(str(choice.arm), is_strong=choice is plan.choice),
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


def _outcome(plan: Plan, record: RunRecord, memory_bytes: int | None) -> Table:
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
        ("waiting for data", f"{100 * choice.waiting_share:.0f}{PERCENT}",
         f"{100 * record.data_wait_seconds / max(record.training_seconds, 1e-9):.0f}{PERCENT}"),
        ("evaluation", *_times(choice.evaluation_seconds, record.evaluation_seconds)),
        ("total time", *_times(plan.planning_seconds + choice.seconds, record.total_seconds)),
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
