"""The explorer as a template shows it: data, pictures and texts within a number of bytes."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.progress import ProgressBar
from thinset.report.document import rendered_template
from thinset.report.explorer.packing import script_json, texts_within, zipped
from thinset.report.explorer.points import choose_points, described
from thinset.report.explorer.thumbnails import (
    NO_SHEETS,
    Sheet,
    Sheets,
    largest_side,
    read_tiles,
    sheets_within,
)
from thinset.results.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from thinset.report.explorer.inputs import Explore, ExplorerInputs
    from thinset.report.explorer.points import Points

MAX_BYTES = 4_900_000
"""What an explorer adds to its page at most, unless the samples' numbers alone take more."""

_SHARE_OF_KEPT = 0.35  # of the bytes for pictures or texts, where few are kept: these are looked at
_BYTES_BESIDE_TRAININGS = 2_500_000
_LONGEST_CLASS = 60  # characters of a name; longer ones would fill the page
_OWN_BYTES = 60_000  # scripts, styles and markup

# Bright enough on white, dark enough on black, and told apart by colour-blind readers.
CLASS_COLOURS = (
    "#4477AA", "#EE7733", "#228833", "#AA3377", "#33BBEE", "#CCBB44",
    "#EE6677", "#009988", "#8866CC", "#999933", "#BB6699", "#A0785A",
)  # fmt: skip


@dataclass(frozen=True)
class Explorer:
    """What the macros in templates/explorer.html.j2 show.

    data: JSON for a script element. sheets: of thumbnails. texts, ids: zipped, or "". script: the
    JavaScript, and script_hash what a content security policy calls it. The rest says which parts
    there are; notes: sentences about what is shown.
    """

    data: str
    sheets: tuple[Sheet, ...]
    texts: str
    ids: str
    script: str
    script_hash: str
    has_map: bool
    has_classes: bool
    has_reasons: bool
    has_stacks: bool
    has_other: bool
    notes: tuple[str, ...]


def explorer_of(
    inputs: ExplorerInputs, *, max_bytes: int = MAX_BYTES, show_progress: bool = False
) -> Explorer:
    """Choose the points, read and shrink their images, and pack everything into `max_bytes`.

    Thumbnails and texts get the bytes that the numbers leave. Raises ImportError without jinja2
    or, where there are images, pillow: the extra `report` has both.
    """
    points = choose_points(inputs)
    content = described(inputs, points)
    if inputs.labels is not None:
        content["classes"] = _classes(inputs)
    left = max(0, max_bytes - _OWN_BYTES - len(script_json(content)))
    notes = [_note_on_points(inputs, points)]
    ids = texts = ""
    if inputs.ids is not None:
        ids, note = _texts(inputs.ids, points, left // 3, "Ids", keep_end=True)
        left -= len(ids)
        notes.append(note)
    if inputs.texts is not None:
        room = left if inputs.images is None else left // 2
        texts, note = _texts(inputs.texts, points, room, "Texts")
        left -= len(texts)
        notes.append(note)
    kept = others = NO_SHEETS
    if inputs.images is not None:
        # Three bytes are four characters of base64.
        kept, others = _pictures(inputs, points, left * 3 // 4, show_progress=show_progress)
        notes.append(_note_on_pictures(points, kept, others))
    sheets = (*kept.sheets, *others.sheets)
    content["sheets"] = [
        [sheet.first, sheet.count, sheet.columns, sheet.width, sheet.height] for sheet in sheets
    ]
    script = rendered_template("explorer/explorer.js.j2", {})
    digest = hashlib.sha256(script.encode()).digest()
    return Explorer(
        data=script_json(content),
        sheets=sheets,
        texts=texts,
        ids=ids,
        script=script,
        script_hash=f"sha256-{base64.b64encode(digest).decode('ascii')}",
        has_map=inputs.coordinates is not None,
        has_classes=inputs.labels is not None,
        has_reasons=inputs.reasons is not None,
        has_stacks=inputs.stacks is not None,
        has_other=inputs.other is not None,
        notes=tuple(notes),
    )


def explorer_content(explore: Explore | None) -> dict[str, Any]:
    """What templates/explorer.html.j2 takes in a page about trainings, which stays smaller.

    explore: gives the inputs and the captions of "map" and "stacks"; without it there is no
    explorer. "explored_name" is that of the selection.
    """
    if explore is None:
        return {"explorer": None, "captions": {}, "explored_name": ""}
    explored, captions = explore()
    return {
        "explored_name": explored.name,
        "explorer": explorer_of(explored, max_bytes=_BYTES_BESIDE_TRAININGS),
        # These pages have no option for stacks: they are shown where an arm leaves them out.
        "captions": {**captions, "stacks": captions["stacks"] if explored.stacks else ""},
    }


def _classes(inputs: ExplorerInputs) -> list[list[Any]]:
    """The name, the colour and the number of samples of each class."""
    assert inputs.labels is not None
    counts = np.bincount(inputs.labels[inputs.labels >= 0], minlength=1)
    names = inputs.class_names or [str(label) for label in range(len(counts))]
    counts = np.pad(counts, (0, max(0, len(names) - len(counts))))
    return [
        [shortened(str(name), _LONGEST_CLASS), class_colour(c), int(counts[c])]
        for c, name in enumerate(names)
    ]


def class_colour(label: int) -> str:
    """A colour of its own for each of the first classes, then hues far from the one before."""
    if label < len(CLASS_COLOURS):
        return CLASS_COLOURS[label]
    return f"hsl({label * 137.508 % 360:.0f} 55% 52%)"


def _taken(values: Sequence[str], points: Points) -> list[str]:
    return [values[row] for row in points.rows.tolist()]


def _texts(
    texts: Sequence[str], points: Points, n_bytes: int, name: str, *, keep_end: bool = False
) -> tuple[str, str]:
    """The zipped texts of the points, or "", and a sentence about them."""
    whole = _taken(texts, points)
    cut, length = texts_within(whole, n_bytes, keep_end=keep_end)
    if not length:
        return "", f"{name} have no room in this page."
    note = "shown in full" if cut == whole else f"cut at {length:,} characters"
    return zipped(cut), f"{name} are {note}."


def _pictures(
    inputs: ExplorerInputs, points: Points, n_bytes: int, *, show_progress: bool
) -> tuple[Sheets, Sheets]:
    n_chosen, n_points = points.n_chosen, len(points.rows)
    for_kept = int(n_bytes * max(_SHARE_OF_KEPT, n_chosen / n_points))
    sides = largest_side(n_chosen, for_kept), largest_side(n_points - n_chosen, n_bytes - for_kept)
    order = np.argsort(points.rows)

    def side_of(place: int) -> int:
        return sides[0] if order[place] < n_chosen else sides[1]

    batches = _with_progress(inputs, points.rows[order], show_progress=show_progress)
    in_order = read_tiles(batches, n_points, side_of)
    tiles = [in_order[place] for place in np.argsort(order).tolist()]
    kept = sheets_within(tiles[:n_chosen], for_kept, first=0)
    others = sheets_within(tiles[n_chosen:], n_bytes - kept.n_bytes, first=n_chosen)
    return kept, others


def _with_progress(
    inputs: ExplorerInputs, rows: NDArray[np.int64], *, show_progress: bool
) -> Iterator[NDArray[Any]]:
    assert inputs.images is not None
    with ProgressBar("thumbnails", len(rows), unit="images", enabled=show_progress) as bar:
        for batch in inputs.images(rows):
            yield batch
            bar.update(len(batch))


def _note_on_points(inputs: ExplorerInputs, points: Points) -> str:
    n_points = len(points.rows)
    if n_points == inputs.n_total:
        return f"All {n_points:,} samples are shown."
    n_dropped = n_points - points.n_chosen
    return (
        f"{n_points:,} of {inputs.n_total:,} samples are shown: {points.n_chosen:,} that were kept "
        f"and {n_dropped:,} of the others, drawn at random."
    )


def _note_on_pictures(points: Points, kept: Sheets, others: Sheets) -> str:
    n_dropped = len(points.rows) - points.n_chosen
    notes = []
    for sheets, count, name in ((kept, points.n_chosen, "kept"), (others, n_dropped, "dropped")):
        if not count:
            continue
        if not sheets.count:
            notes.append(f"none of {name} samples")
            continue
        size = "{} \N{MULTIPLICATION SIGN} {}".format(*sheets.size)
        of = "" if sheets.count == count else f" and for {sheets.count:,} of {count:,} of them"
        notes.append(f"{size} pixels for {name} samples{of}")
    return f"Thumbnails: {'; '.join(notes)}."
