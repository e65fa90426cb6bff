"""The report of a plan and of the training that followed it: prediction and outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.report import sections
from thinset.report.cells import NONE, Cell, facts, table
from thinset.report.document import write_document
from thinset.report.explorer import explorer_content
from thinset.results.arm_words import advised, plain_name
from thinset.results.headlines import with_name
from thinset.results.plan import named_size, spoken_bytes
from thinset.results.wording import PERCENT, spoken_length, spoken_seconds

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from thinset.report.cells import NextStep, Progress, Table
    from thinset.report.explorer.inputs import Explore
    from thinset.results.plan import Choice, Plan
    from thinset.results.records import RunRecord

_PHASE_DATA = {"full": "everything", "subset": "the subset"}


def write_plan_report(
    plan: Plan,
    record: RunRecord | None,
    memory_bytes: int | None,
    settings: Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    next_step: NextStep | None = None,
    progress: Progress | None = None,
    explored: tuple[Choice, Explore] | None = None,
) -> Path:
    """Write the page and the record into the folder `out`; see write_document.

    Args:
        record: of the training that followed the plan; None if none did.
        memory_bytes: peak memory of the process while it followed the plan; None if unknown.
        settings: of the training, for the page.
        next_step: the next command to run.
        progress: while a training follows the plan.
        explored: a choice, and what shows the samples that it keeps.
    """
    records = [] if record is None else [record]
    headline = planned_headline(plan) if record is None else outcome_headline(plan, record)
    content = {
        "title": f"thinset on {plan.source}",
        "headline": headline,
        "scope": f"The advice: {plan.advice}.",
        "next_step": next_step,
        "progress": progress,
        "source": plan.source,
        "reasons": plan.reasons,
        "choices": _choices(plan),
        "is_predicted": any(choice.accuracy is not None for choice in plan.choices),
        "measured": facts(plan.facts),
        "outcome": None if record is None else _outcome(plan, record, memory_bytes),
        "kept": "" if explored is None else _kept(plan, explored[0], record),
        "is_kept_advised": explored is not None and explored[0] is plan.choice,
        **explorer_content(None if explored is None else explored[1]),
        "rerun": sections.rerun(records, plan.command, settings),
    }
    return write_document("plan.html.j2", content, {}, records, out, overwrite=True)


def planned_headline(plan: Plan) -> str:
    """What to do, and what it is predicted to reach and to take."""
    if plan.least_seconds is not None:
        return f"{plan.advice[:1].upper()}{plan.advice[1:]}"
    choice = plan.choice
    seconds = spoken_seconds(plan.planning_seconds + choice.seconds)
    score = (
        "accuracy not predicted"
        if choice.accuracy is None
        else f"{choice.accuracy.mean:.1f}{PERCENT} predicted, 95{PERCENT} interval "
        f"{choice.accuracy.low:.1f} to {choice.accuracy.high:.1f}"
    )
    length = spoken_length(plan.total)
    if choice.subset is not None:
        size, split = named_size(choice)
        length = f"{split} of {length}, {size} of the samples"
    return f"{advised(choice.arm)} for {length}: {score}; {seconds} in all"


def outcome_headline(plan: Plan, record: RunRecord) -> str:
    """What was reached, beside what was predicted."""
    score = record.main_metric.spoken(record.score, record.main_metric.few_decimals)
    predicted = plan.choice.accuracy
    beside = (
        "nothing was predicted"
        if predicted is None
        else f"predicted were {predicted.mean:.1f}{PERCENT}, 95{PERCENT} interval "
        f"{predicted.low:.1f} to {predicted.high:.1f}"
    )
    length = spoken_length(plan.total)
    return f"{score} after {length} {with_name(plan.choice.arm)}, with one seed; {beside}"


def _kept(plan: Plan, choice: Choice, record: RunRecord | None) -> str:
    """The heading of the samples that a choice keeps."""
    was_kept = record is not None and choice is plan.choice
    return f"What {'was' if was_kept else 'would be'} kept: {plain_name(choice.arm)}"


def _choices(plan: Plan) -> Table:
    is_predicted = any(choice.accuracy is not None for choice in plan.choices)
    header = (
        "train on", "size", "split", "before training", "steps", "waiting for data", "total time",
        "memory", "disk", *(("accuracy",) if is_predicted else ()),
    )  # fmt: skip
    rows = [
        (
            Cell(str(choice.arm), plain_name(choice.arm), is_strong=choice is plan.choice),
            *(text or NONE for text in named_size(choice)),
            spoken_seconds(sum(choice.preparation_seconds.values())),
            f"{choice.steps:,}",
            f"{100 * choice.waiting_share:.0f}{PERCENT}",
            spoken_seconds(plan.planning_seconds + choice.seconds),
            spoken_bytes(choice.memory_bytes),
            spoken_bytes(choice.disk_bytes),
            *((_spoken_accuracy(choice),) if is_predicted else ()),
        )
        for choice in plan.choices
    ]
    return table(header, rows)


def _spoken_accuracy(choice: Choice) -> str:
    return NONE if choice.accuracy is None else choice.accuracy.describe()


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
            f"on {_PHASE_DATA.get(phase.dataset, phase.dataset)}, {phase.steps:,} steps",
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
