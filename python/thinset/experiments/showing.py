"""Prepares what the page of a selection shows: samples, map, reasons, near-duplicates."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.sources.listing import count
from thinset.experiments.nearest_kept import nearest_kept, pieces
from thinset.files.atomic import require_file_target
from thinset.files.overlap import require_apart
from thinset.report.explorer import (
    ExplorerInputs,
    OtherSelection,
    Reasons,
    Stacks,
    plane_through,
)
from thinset.report.show_page import ShowInputs, write_show_page
from thinset.selection import deduplicate
from thinset.selection.matrix_input import as_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from thinset.experiments.shown_samples import ShownSamples
    from thinset.selection import Selection
    from thinset.selection.matrix_input import HostMatrix

_MOST_CLASSES = 65_000
_LARGEST_COORDINATE = 1e300  # so that differences are finite


@dataclass(frozen=True)
class Shown:
    """A selection and its name in the page, which is that of its file.

    n_total is None, and gains are, where the file holds row numbers alone.
    """

    name: str
    indices: NDArray[np.int64]
    n_total: int | None = None
    gains: NDArray[np.float64] | None = None
    selection: Selection | None = None

    @classmethod
    def of(cls, selection: Selection, name: str) -> Shown:
        """All that a saved selection holds."""
        return cls(name, selection.indices, selection.n_total, selection.gains, selection)


@dataclass(frozen=True)
class ShowSettings:
    """What to show beside the selection; None leaves it out.

    embeddings, column: those that it was made from, in any form that `select` takes. coordinates:
    (N, 2), in place of principal components. texts, labels, ids: one entry per sample.
    stack_distance: rows at most this far apart are near-duplicates; by default that of the
    selection's own `dedup_distance`.
    """

    embeddings: Any = None
    column: str | None = None
    coordinates: NDArray[Any] | None = None
    texts: Sequence[str] | None = None
    labels: NDArray[Any] | None = None
    ids: Sequence[str] | None = None
    against: Shown | None = None
    stack_distance: float | None = None
    n_threads: int | None = None
    command: str = ""


def show(
    shown: Shown,
    samples: ShownSamples | None,
    settings: ShowSettings,
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Path:
    """Write the page of a selection to the file `out`; returns its path.

    Raises ValueError where the selection, its companion, the samples, embeddings, coordinates,
    texts, labels and ids are not of one number of samples, and where `out` is an input;
    FileExistsError where `out` exists and `overwrite` is false; ImportError without the extra
    `report`.
    """
    require_new(out, overwrite=overwrite)
    require_apart(out, settings.embeddings, None if samples is None else samples.path)
    explored, captions = explore(shown, samples, settings, show_progress=show_progress)
    inputs = ShowInputs(
        dataset_name=_dataset_name(samples, settings),
        explored=explored,
        command=settings.command,
        captions=captions,
        settings={
            one.name: _how_selected(one.selection)
            for one in (shown, settings.against)
            if one is not None and one.selection is not None
        },
    )
    return write_show_page(inputs, out, show_progress=show_progress)


def explore(
    shown: Shown,
    samples: ShownSamples | None,
    settings: ShowSettings,
    *,
    show_progress: bool = False,
) -> tuple[ExplorerInputs, dict[str, str]]:
    """Everything that the explorer shows of a selection, and the captions of its parts.

    Raises ValueError as `show` does.
    """
    matrix = (
        None if settings.embeddings is None else as_matrix(settings.embeddings, settings.column)
    )
    n_total = _n_total(shown, samples, matrix, settings)
    metric = _metric(shown.selection)
    _require_made_from(shown.selection, matrix)
    for one in (shown, settings.against):
        if one is not None:
            _require_same_ids(one, samples, settings)
    _require_agreeing_ids(shown, settings.against)
    labels, class_names = _labels(samples, settings.labels)
    coordinates, map_caption = _map(matrix, metric, settings.coordinates, n_total)
    stacks, stacks_caption = None, "Pass --embeddings to see near-duplicates as stacks."
    reasons = None
    if matrix is not None:
        reasons = nearest_kept(
            matrix, shown.indices, metric, n_threads=settings.n_threads, show_progress=show_progress
        )
        stacks, stacks_caption = _stacks(
            shown, reasons, metric, settings, show_progress=show_progress
        )
    other = settings.against
    explored = ExplorerInputs(
        n_total=n_total,
        name=shown.name,
        indices=shown.indices,
        gains=shown.gains,
        coordinates=coordinates,
        labels=labels,
        class_names=class_names,
        images=None if samples is None else samples.images,
        texts=settings.texts,
        ids=_ids(shown, samples, settings, n_total),
        reasons=reasons,
        stacks=stacks,
        other=None if other is None else OtherSelection(other.name, other.indices, other.gains),
    )
    return explored, {"map": map_caption, "stacks": stacks_caption}


def _ids(
    shown: Shown, samples: ShownSamples | None, settings: ShowSettings, n_total: int
) -> Sequence[str] | None:
    """The given ids, else paths of image files, else those of the kept rows alone."""
    if settings.ids is not None:
        return settings.ids
    if samples is not None and samples.ids is not None:
        return samples.ids
    if shown.selection is None or shown.selection.ids is None:
        return None
    ids = [""] * n_total
    for row, name in zip(shown.indices.tolist(), _ids_of(shown.selection), strict=True):
        ids[row] = name
    return ids


def _dataset_name(samples: ShownSamples | None, settings: ShowSettings) -> str:
    if samples is not None:
        return samples.name
    return "embeddings" if settings.texts is None else "texts"


def require_new(out: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise FileExistsError or another OSError where the page could not be written."""
    require_file_target(out)
    if os.path.lexists(out) and not overwrite:
        raise FileExistsError(
            f"{os.fspath(out)} already exists; choose another output, or pass --overwrite"
        )


def _n_total(
    shown: Shown, samples: ShownSamples | None, matrix: HostMatrix | None, settings: ShowSettings
) -> int:
    """The number of samples, on which everything must agree."""
    lengths: dict[str, int | None] = {
        f"the selection {shown.name} was made from": shown.n_total,
        "the data have": None if samples is None else len(samples),
        "the embeddings have": None if matrix is None else matrix.shape[0],
    }
    for name in ("coordinates", "texts", "labels", "ids"):
        given = getattr(settings, name)
        lengths[f"--{'map' if name == 'coordinates' else name} has"] = (
            None if given is None else len(given)
        )
    if settings.against is not None:
        lengths[f"the selection {settings.against.name} was made from"] = settings.against.n_total
    known = {name: length for name, length in lengths.items() if length is not None}
    if not known:
        raise ValueError("row numbers do not tell how many samples there are; pass --data")
    (first, n_total), *others = known.items()
    for name, length in others:
        if length != n_total:
            raise ValueError(
                f"{first} {n_total:,} samples, but {name} {length:,}; give files that belong to "
                "one dataset, in one order"
            )
    for selection in (shown, settings.against):
        if selection is not None and selection.n_total is None:
            _require_rows(selection, n_total)
    return n_total


def _require_rows(shown: Shown, n_total: int) -> None:
    indices = shown.indices
    outside = (indices < 0) | (indices >= n_total)
    if outside.any():
        place = int(outside.argmax())
        raise ValueError(
            f"{shown.name}: row numbers must be from 0 to {n_total - 1}, got {indices[place]} at "
            f"position {place}"
        )
    rows, numbers = np.unique(indices, return_counts=True)
    if len(rows) != len(indices):
        twice = rows[numbers > 1][0]
        raise ValueError(
            f"{shown.name}: row numbers must be distinct, got {twice} at positions "
            f"{' and '.join(map(str, np.flatnonzero(indices == twice)[:2]))}; remove repetitions"
        )


def _metric(selection: Selection | None) -> str:
    return "euclidean" if selection is None else selection.params.get("metric", "euclidean")


def _require_made_from(selection: Selection | None, matrix: HostMatrix | None) -> None:
    if selection is None or selection.method == "random":  # which looks at no embeddings
        return
    expected = selection.params.get("n_columns")
    if matrix is not None and expected not in (None, matrix.shape[1]):
        raise ValueError(
            f"--embeddings must be those that the selection was made from, with {expected} "
            f"columns; got {matrix.shape[1]}. To draw the map from other embeddings, pass their "
            "two-dimensional form as --map"
        )


def _require_same_ids(shown: Shown, samples: ShownSamples | None, settings: ShowSettings) -> None:
    """Raise ValueError where a sample that was selected has another row now.

    Ids of another kind, of which none is known, are not compared.
    """
    given = settings.ids if settings.ids is not None else None if samples is None else samples.ids
    if given is None or shown.selection is None or shown.selection.ids is None:
        return
    place_of = {name: row for row, name in enumerate(given)}
    own = _ids_of(shown.selection)
    for row, name in zip(shown.indices.tolist(), own, strict=True):
        place = place_of.get(name)
        if place is not None and given[row] != name:
            where = "--ids" if settings.ids is not None else "the data"
            raise ValueError(
                f"the selection {shown.name} was made from other samples, or in another order: it "
                f"keeps {name!r} as row {row}, but in {where} that is row {place}"
            )


def _require_agreeing_ids(shown: Shown, against: Shown | None) -> None:
    """Raise ValueError for a row that has one id in this selection and another one in the other."""
    selections = [one.selection for one in (shown, against) if one is not None]
    if len(selections) < 2 or any(one is None or one.ids is None for one in selections):
        return
    first, second = (
        dict(zip(one.indices.tolist(), _ids_of(one), strict=True)) for one in selections if one
    )
    for row in sorted(first.keys() & second.keys()):
        if first[row] != second[row]:
            assert against is not None
            raise ValueError(
                f"{shown.name} and {against.name} were made from other samples, or in another "
                f"order: row {row} is {first[row]!r} in the one and {second[row]!r} in the "
                "other; both must be of the same embeddings"
            )


def _ids_of(selection: Selection) -> list[str]:
    assert selection.ids is not None
    return [
        name.decode() if isinstance(name, bytes) else str(name) for name in selection.ids.tolist()
    ]


def _labels(
    samples: ShownSamples | None, given: NDArray[Any] | None
) -> tuple[NDArray[np.int64] | None, Sequence[str] | None]:
    """Class numbers and names; given labels of any kind are numbered in ascending order."""
    if given is None:
        return (None, None) if samples is None else (samples.labels, samples.class_names)
    if given.ndim != 1 or given.dtype.kind not in "iubUS":
        raise ValueError(
            "--labels must hold integers or texts in one dimension, got "
            f"{given.dtype} of shape {given.shape}"
        )
    values, labels = np.unique(given, return_inverse=True)
    if len(values) > _MOST_CLASSES:
        raise ValueError(f"--labels has {len(values):,} classes; at most {_MOST_CLASSES:,} work")
    names = [v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()]
    names = [name if name.strip() else "(empty)" for name in names]
    return labels.astype(np.int64), names


def _map(
    matrix: HostMatrix | None, metric: str, given: NDArray[Any] | None, n_total: int
) -> tuple[NDArray[np.float64] | None, str]:
    """Coordinates of the map and its caption, or None and what to pass to have one."""
    if given is not None:
        if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "fiu":
            raise ValueError(
                f"--map must be an array of numbers of shape ({n_total}, 2), got {given.dtype} of "
                f"shape {given.shape}"
            )
        values = np.asarray(given, np.float64)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise ValueError(f"--map must be finite, row {finite.argmin()} is not")
        too_large = (np.abs(values) > _LARGEST_COORDINATE).any(axis=1)
        if too_large.any():
            row = int(too_large.argmax())
            raise ValueError(
                f"--map must be within +-{_LARGEST_COORDINATE:g}, row {row} holds "
                f"{np.abs(values[row]).max():g}; divide the coordinates by a constant"
            )
        return values, "The coordinates are those of --map."
    if matrix is None:
        return None, "Pass --embeddings FILE, or --map FILE with two columns, to see a map."
    plane = plane_through(lambda: pieces(matrix, metric), n_total)
    share = 100 * sum(plane.shares)
    return plane.coordinates, (
        f"The plane of the two leading principal components of the embeddings, {share:.0f} % of "
        "their variance: samples that are neighbours here may differ in what it does not show."
    )


def _stacks(
    shown: Shown,
    reasons: Reasons | None,
    metric: str,
    settings: ShowSettings,
    *,
    show_progress: bool,
) -> tuple[Stacks | None, str]:
    distance = settings.stack_distance
    if distance is None and shown.selection is not None:
        distance = shown.selection.params.get("dedup_distance")
    if distance is None:
        return None, f"Pass --dedup-distance D to see near-duplicates as stacks.{_advice(reasons)}"
    found = deduplicate(
        settings.embeddings,
        distance,
        metric=metric,
        n_threads=settings.n_threads,
        progress=show_progress,
        column=settings.column,
    )
    groups = found.repeated()
    if not groups:
        return None, f"No two samples are at most {distance:g} apart ({metric}).{_advice(reasons)}"
    n_rows = sum(map(len, groups))
    caption = (
        f"{n_rows:,} samples are in {count(len(groups), 'stack')}: chains of samples at most "
        f"{distance:g} apart ({metric})."
    )
    return Stacks(groups, distance), caption


def _advice(reasons: Reasons | None) -> str:
    """What distance may be near: that within which few rows have a kept one."""
    if reasons is None:
        return ""
    distances = reasons.distances[reasons.distances > 0]
    if len(distances) == 0:
        return ""
    near = np.quantile(distances, 0.01)
    return f" For scale: 1 % of samples are nearer than {near:.3g} to the kept one nearest to them."


def _how_selected(selection: Selection) -> dict[str, Any]:
    used = {k: v for k, v in selection.params.items() if v is not None and v is not False}
    return {"method": selection.method, **used}
