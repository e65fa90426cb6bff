"""The report of audits: what small training sets are worth, part by part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thinset.report import plots, sections
from thinset.report.cells import NONE, Cell, facts, table
from thinset.report.document import PageFigure, figure_name, write_document
from thinset.results.audit import THE_SET
from thinset.results.verdicts import verdict_of
from thinset.results.wording import PERCENT, spoken_points

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from thinset.report.cells import NextStep, Table
    from thinset.results.audit import Audit, AuditRow

_MOST_SHOWN = 100  # images of a set


@dataclass(frozen=True)
class AuditedSet:
    """A small training set and its audit; image i is of class i modulo n_classes."""

    name: str
    audit: Audit
    images: NDArray[Any]
    n_classes: int


@dataclass(frozen=True)
class AuditInputs:
    """What `write_audit_report` shows.

    `subject`: the real data, in words.
    """

    title: str
    subject: str
    sets: Sequence[AuditedSet]
    command: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    next_step: NextStep | None = None


def write_audit_report(
    inputs: AuditInputs, out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write the page and its plots into the folder `out`; see write_document."""
    figures = {figure.name: figure for figure in _figures(inputs.sets)}
    audits = [one.audit for one in inputs.sets]
    content = {
        "title": inputs.title,
        "headline": headline(inputs.sets),
        "scope": inputs.subject,
        "next_step": inputs.next_step,
        "sets": [_shown(one) for one in inputs.sets],
        "costs": sections.costs(
            {
                **inputs.stage_seconds,
                **{f"auditing {one.name}": one.audit.seconds for one in inputs.sets},
            }
        ),
        "rerun": {
            "command": inputs.command,
            "settings": facts(inputs.settings),
            "n_machines": len(_distinct([audit.hardware for audit in audits])),
            "machines": [facts(one) for one in _distinct([audit.hardware for audit in audits])],
            "versions": [facts(one) for one in _distinct([audit.versions for audit in audits])],
        },
    }
    return write_document("audit.html.j2", content, figures, [], out, overwrite=overwrite)


def headline(sets: Sequence[AuditedSet]) -> str:
    """In how many uses the sets are clearly better than random images used alike, and by what."""
    compared = [
        row.minus(reference)
        for one in sets
        for row in one.audit.rows
        if row.name == THE_SET and (reference := one.audit.reference_of(row)) is not None
    ]
    named = sets[0].name if len(sets) == 1 else f"any of {len(sets)} distilled sets"
    verdicts = [verdict_of(difference) for difference in compared]
    n_better = verdicts.count("better")
    means = [difference.mean for difference in compared if difference is not None]
    gains = (
        f"; differences of {spoken_points(min(means))} to {spoken_points(max(means))} points"
        if means
        else ""
    )
    if n_better == 0:
        is_harm = "worse" in verdicts and set(verdicts) == {"worse"}
        advice = f"Do not use {named}" if is_harm else f"No evidence for {named}"
    else:
        advice = f"Use {named}" if n_better == len(compared) else f"Use {named} with care"
    return (
        f"{advice}: clearly better than as many random images in {n_better} of {len(compared)} "
        f"comparisons{gains}"
    )


def _shown(one: AuditedSet) -> dict[str, Any]:
    audit = one.audit
    teacher = audit.teacher
    return {
        "name": one.name,
        "figures": [figure_name("accuracies", one.name), figure_name("images", one.name)],
        "results": [(network, _results(audit, network)) for network in audit.networks],
        "parts": [(network, _parts(audit, network)) for network in audit.networks],
        "bytes": facts(
            {
                name.replace("_", " "): f"{getattr(audit.n_bytes, name):,}"
                for name in ("images", "soft_labels", "step_sizes", "initial_weights")
                if getattr(audit.n_bytes, name)
            }
        ),
        "teacher": None
        if teacher is None
        else f"{teacher.network}, {teacher.validation_accuracy:.1f}{PERCENT} on validation data",
        "n": (audit.n_train, audit.n_validation, audit.n_test),
        "has_edge": any(row.is_edge for row in audit.rows),
        "n_diverged": sum(row.n_diverged for row in audit.rows),
        "notes": audit.notes,
    }


def _results(audit: Audit, network: str) -> Table:
    header = (
        "set", "images", "bytes", "labels", "use", "rate", "test accuracy", "n", "against random",
    )  # fmt: skip
    return table(header, [_cells(row, audit) for row in audit.rows if row.network == network])


def _cells(row: AuditRow, audit: Audit) -> tuple[Cell | str | int, ...]:
    reference = audit.reference_of(row)
    deviation = row.standard_deviation
    rate = "stored" if row.learning_rate is None else f"{row.learning_rate:g}"
    return (
        Cell(row.name, is_strong=row.name == THE_SET),
        f"{row.n_images:,}",
        f"{row.n_bytes:,}",
        row.labels,
        "augmented" if row.is_augmented else row.way.removeprefix("training") or "plain",
        rate + ("*" if row.is_edge else ""),
        Cell(
            f"{row.mean:.1f}{PERCENT}",
            "" if deviation is None else f"± {deviation:.1f}",
            is_strong=True,
        ),
        row.n,
        NONE if reference is None else sections.difference(row.minus(reference)),
    )


def _parts(audit: Audit, network: str) -> Table:
    rows = [
        (part.what, sections.difference(part.difference))
        for part in audit.parts
        if part.network == network
    ]
    return table(("part", "percentage points"), rows)


def _figures(sets: Sequence[AuditedSet]) -> Iterator[PageFigure]:
    for one in sets:
        yield PageFigure(
            figure_name("accuracies", one.name),
            f"{one.name}: test accuracy of every set in every use, mean and standard deviation "
            "over networks. Filled: trained without augmentation; open: with it; diamonds: "
            "replayed.",
            "Dots with bars, one row per set and kind of labels",
            plots.audit_accuracies(one.audit),
        )
        yield PageFigure(
            figure_name("images", one.name),
            f"{one.name}: the first images, a column for each class, in their order. Grey levels "
            "and colours are stretched over all of them.",
            f"A grid of images of {one.n_classes} classes",
            plots.contact_sheet(one.images[:_MOST_SHOWN], columns=one.n_classes),
            is_picture=True,
        )


def _distinct(mappings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    distinct: list[Mapping[str, Any]] = []
    for mapping in mappings:
        if mapping and mapping not in distinct:
            distinct.append(mapping)
    return distinct
