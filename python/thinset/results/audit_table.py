"""The tables of an audit in plain text, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.results.verdicts import describe_difference
from thinset.results.wording import PERCENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.results.audit import Audit, AuditRow

_HEADER = ("set", "images", "labels", "augmented", "way", "rate", "accuracy", "n", "against random")


def spoken_audit(audit: Audit) -> str:
    """A table for each architecture, then the parts of what the set gains, then what is missing."""
    lines = [_about(audit)]
    for network in audit.networks:
        rows = [row for row in audit.rows if row.network == network]
        lines += ["", f"{network}:", *_aligned([_HEADER, *(_cells(row, audit) for row in rows)])]
        parts = [part for part in audit.parts if part.network == network]
        if parts:
            lines += ["", f"{network}, the parts (percentage points):"]
            lines += _aligned(
                [(part.what, describe_difference(part.difference, "")) for part in parts]
            )
    if any(row.is_edge for row in audit.rows):
        lines += ["", "* the lowest or highest of the rates tried; a wider range may score higher"]
    n_diverged = sum(row.n_diverged for row in audit.rows)
    if n_diverged:
        lines += ["", f"diverged, and counted as guessing: {n_diverged} of the networks"]
    lines += [f"note: {note}" for note in audit.notes]
    return "\n".join(lines)


def _about(audit: Audit) -> str:
    n_bytes = audit.n_bytes
    stored = [f"images {n_bytes.images:,}"]
    for name in ("soft_labels", "step_sizes"):
        value = getattr(n_bytes, name)
        if value:
            stored.append(f"{name.replace('_', ' ')} {value:,}")
    text = (
        f"{audit.set_name}: {audit.n_images:,} images, {n_bytes.total:,} bytes "
        f"({', '.join(stored)}), for {audit.data_name}"
    )
    if n_bytes.initial_weights:
        text += f"; initial weights of {n_bytes.initial_weights:,} bytes are not counted"
    if audit.teacher is not None:
        accuracy = f"{audit.teacher.validation_accuracy:.1f}{PERCENT}"
        text += f"\nteacher: {audit.teacher.network}, {accuracy} on validation data"
    return text


def _cells(row: AuditRow, audit: Audit) -> tuple[str, ...]:
    reference = audit.reference_of(row)
    difference = None if reference is None else row.minus(reference)
    rate = "stored" if row.learning_rate is None else f"{row.learning_rate:g}"
    deviation = row.standard_deviation
    spread = "" if deviation is None else f" ± {deviation:.1f}"
    return (
        row.name,
        f"{row.n_images:,}",
        row.labels,
        "yes" if row.is_augmented else "no",
        row.way,
        rate + ("*" if row.is_edge else ""),
        f"{row.mean:.1f}{PERCENT}{spread}",
        str(row.n),
        "" if difference is None else describe_difference(difference, ""),
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
