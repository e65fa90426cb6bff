"""The page to look at one selection with, alone or beside another: one file, nothing beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.files.atomic import atomic_file
from thinset.report.cells import Cell, Table, facts, table
from thinset.report.document import rendered_template
from thinset.report.explorer import explorer_of
from thinset.report.explorer.parts import MAX_BYTES, class_colour
from thinset.results.wording import shortened, spoken_share

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from thinset.report.explorer import ExplorerInputs

_MOST_CLASSES = 100


@dataclass(frozen=True)
class ShowInputs:
    """What `write_show_page` shows.

    dataset_name: of the samples. explored: the samples and the selections. captions: a sentence
    about the "map" and the "stacks", or what to pass to see one that is missing. settings: how the
    selections were made, by their names; without those that are known as row numbers alone.
    command: the command line that writes the page again.
    """

    dataset_name: str
    explored: ExplorerInputs
    command: str
    captions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def write_show_page(
    inputs: ShowInputs,
    out: str | os.PathLike[str],
    *,
    max_bytes: int = MAX_BYTES,
    show_progress: bool = False,
) -> Path:
    """Write the page to the file `out`, atomically; returns its path. An existing file is replaced.

    The page has about `max_bytes` at most; see `explorer_of`, also for what is raised.
    """
    explored = inputs.explored
    explorer = explorer_of(explored, max_bytes=max_bytes, show_progress=show_progress)
    content = {
        "title": f"{_names(explored)} on {inputs.dataset_name}",
        "dataset_name": inputs.dataset_name,
        "headline": _headline(explored),
        "scope": _scope(explored),
        "explorer": explorer,
        "captions": {"map": "", "stacks": "", **inputs.captions},
        "overlap": overlap(explored),
        "classes": _class_table(explored),
        "settings": {name: facts(used) for name, used in inputs.settings.items()},
        "progress": None,
        "next_step": None,
        "rerun": {
            "command": inputs.command,
            "settings": [],
            "n_machines": 0,
            "machines": [],
            "versions": [],
        },
    }
    page = rendered_template("show.html.j2", content)
    with atomic_file(out) as partial:
        # Names of files that are not UTF-8 hold lone surrogates.
        partial.write_text(page, encoding="utf-8", errors="backslashreplace")
    from pathlib import Path

    return Path(out)


def overlap(explored: ExplorerInputs) -> Table | None:
    """How many samples both selections share, and in what they differ; None without another."""
    if explored.other is None:
        return None
    both, first, second = _shares(explored)
    union = both + first + second
    rows = [
        ("kept by both", f"{both:,}", spoken_share(both, explored.n_total)),
        (f"only by {explored.name}", f"{first:,}", spoken_share(first, explored.n_total)),
        (f"only by {explored.other.name}", f"{second:,}", spoken_share(second, explored.n_total)),
        ("by neither", f"{explored.n_total - union:,}",
         spoken_share(explored.n_total - union, explored.n_total)),
        ("Jaccard index (kept by both / kept by any)", f"{_jaccard(explored):.3f}", ""),
        ("expected of random selections of these sizes", f"{_jaccard_by_chance(explored):.3f}", ""),
    ]  # fmt: skip
    return table(("samples", "number", "share"), rows)


def _shares(explored: ExplorerInputs) -> tuple[int, int, int]:
    """How many both keep, the first alone, and the other alone."""
    assert explored.other is not None
    both = len(np.intersect1d(explored.indices, explored.other.indices))
    return both, len(explored.indices) - both, len(explored.other.indices) - both


def _jaccard(explored: ExplorerInputs) -> float:
    both, first, second = _shares(explored)
    return both / max(both + first + second, 1)


def _jaccard_by_chance(explored: ExplorerInputs) -> float:
    """Of the expected overlap of two independent random selections of these sizes."""
    assert explored.other is not None
    first, second = len(explored.indices), len(explored.other.indices)
    both = _shared_by_chance(explored)
    return both / max(first + second - both, 1)


def _shared_by_chance(explored: ExplorerInputs) -> float:
    """How many samples two independent random selections of these sizes share on average."""
    assert explored.other is not None
    return len(explored.indices) * len(explored.other.indices) / max(explored.n_total, 1)


def _names(explored: ExplorerInputs) -> str:
    other = explored.other
    return explored.name if other is None else f"{explored.name} and {other.name}"


def _headline(explored: ExplorerInputs) -> str:
    k = len(explored.indices)
    if explored.other is None:
        return f"{explored.name} keeps {k:,} of {explored.n_total:,} samples"
    both = _shares(explored)[0]
    samples = "sample" if both == 1 else "samples"
    return (
        f"{_names(explored)} agree on {both:,} {samples}; random selections "
        f"would on {_shared_by_chance(explored):,.0f}"
    )


def _scope(explored: ExplorerInputs) -> str:
    k, n = len(explored.indices), explored.n_total
    if explored.other is None:
        return f"{spoken_share(k, n)} of the samples, in the order in which they were selected."
    k_other = len(explored.other.indices)
    return (
        f"{explored.name} keeps {k:,} of {n:,} samples ({spoken_share(k, n)}), "
        f"{explored.other.name} {k_other:,} ({spoken_share(k_other, n)}). Jaccard index: "
        f"{_jaccard(explored):.3f}."
    )


def _class_table(explored: ExplorerInputs) -> Table | None:
    """The samples of each class, and how many of them are kept; None without labels."""
    if explored.labels is None:
        return None
    labels = explored.labels
    n_classes = max(int(labels.max(initial=0)) + 1, len(explored.class_names or ()))
    if n_classes > _MOST_CLASSES:
        return None
    names = explored.class_names or [str(label) for label in range(n_classes)]
    columns: list[tuple[str, NDArray[np.int64] | None]] = [("samples", None)]
    columns.append((f"kept by {explored.name}", explored.indices))
    if explored.other is not None:
        columns.append((f"kept by {explored.other.name}", explored.other.indices))
        columns.append(("by both", np.intersect1d(explored.indices, explored.other.indices)))
    counts = [_counts(labels if rows is None else labels[rows], n_classes) for _, rows in columns]
    totals = counts[0]
    rows: list[list[Cell | str | int]] = []
    for label in range(n_classes):
        cells: list[Cell | str | int] = [
            Cell(shortened(str(names[label])), colour=class_colour(label)),
            f"{totals[label]:,}",
        ]
        for of_class in counts[1:]:
            share = spoken_share(of_class[label], totals[label])
            cells.append(Cell(f"{of_class[label]:,}", share))
        rows.append(cells)
    return table(("class", *(name for name, _ in columns)), rows)


def _counts(labels: NDArray[np.int64], n_classes: int) -> list[int]:
    counts: list[int] = np.bincount(labels[labels >= 0], minlength=n_classes).tolist()
    return counts
