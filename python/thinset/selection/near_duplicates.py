"""Finds near-duplicate rows exactly, groups them and keeps one of each group."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thinset.selection.arguments import as_metric, is_real, shown
from thinset.selection.choice import as_other_rows
from thinset.selection.matrix_input import as_matrix
from thinset.selection.reporting import progress_callback
from thinset.selection.row_arguments import as_numbers, require_finite
from thinset.threads import as_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from thinset.selection.choice import Choice
    from thinset.selection.matrix_input import HostMatrix
    from thinset.selection.reporting import Progress


@dataclass(frozen=True)
class NearDuplicates:
    """Groups of rows that are connected by chains of near-duplicates.

    Attributes:
        groups: (N,) int64, the lowest row of each row's group.
        distance: as passed.
        metric: as passed.
        scores: (N,), as passed to `keep`, or None.
        matches: (N,) int64, if there was an `against`: the lowest row of it within the distance of
            each row, or -1.
    """

    groups: NDArray[np.int64]
    distance: float
    metric: str
    scores: NDArray[np.float64] | None = None
    matches: NDArray[np.int64] | None = None

    @property
    def representatives(self) -> NDArray[np.int64]:
        """The row of every group that is kept, in ascending order.

        The row with the highest score, without scores the lowest row; of equal scores the lower
        row. Rows with a match are not kept, so that a group may have no representative.
        """
        return self.representatives_among(np.ones(len(self.groups), dtype=bool))

    def representatives_among(self, candidates: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The representatives if only the rows of the mask `candidates` (N,) may be kept.

        A group without a candidate has no representative.
        """
        if self.matches is not None:
            candidates = candidates & (self.matches < 0)
        rows = np.flatnonzero(candidates)
        if self.scores is not None:
            # Stable: equal scores stay in ascending order of rows.
            rows = rows[np.argsort(-self.scores[rows], kind="stable")]
        _, first = np.unique(self.groups[rows], return_index=True)
        return np.sort(rows[first])

    @property
    def matched(self) -> NDArray[np.int64]:
        """The rows that are near a row of `against`, in ascending order."""
        if self.matches is None:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.matches >= 0)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The size of each representative's group, itself included."""
        counts = np.bincount(self.groups, minlength=len(self.groups))
        return counts[self.groups[self.representatives]]

    def __len__(self) -> int:
        """The number of groups."""
        return int(np.count_nonzero(self.groups == np.arange(len(self.groups))))

    def repeated(self) -> list[NDArray[np.int64]]:
        """The rows of every group of two or more, the largest group first, ties by lowest row."""
        order = np.argsort(self.groups, kind="stable")
        rows = np.split(order, np.flatnonzero(np.diff(self.groups[order])) + 1)
        return sorted((group for group in rows if len(group) > 1), key=len, reverse=True)


def deduplicate(
    embeddings: object,
    distance: float,
    *,
    keep: object = None,
    against: object = None,
    metric: str = "euclidean",
    n_threads: int | None = None,
    progress: Progress = None,
    column: object = None,
    against_column: object = None,
) -> NearDuplicates:
    """Group rows whose distance is at most `distance`, exactly; chains of them are one group.

    Pass the representatives to `select` or `write_subset` to keep one row of each group. Every pair
    is considered; boxes and projections rule most of them out, so that a million rows of 64
    elements take seconds. Memory is O(N).

    Args:
        embeddings: as for `select`.
        column: as for `select`.
        against_column: the same for `against`; None for that of `column`.
        distance: at least 0, in the metric's own units; 0 groups equal rows.
        keep: scores (N,), finite, higher is better: the representative of a group is its row with
            the highest score. None keeps the lowest row.
        against: embeddings of other samples, such as a test set, in any form that `select` takes
            and of the same element type. Rows within the distance of one of them are `matched` and
            are not kept. Other rows of their group stay candidates for its representative.
        metric: "euclidean", "sqeuclidean" or "cosine".
        n_threads: None for all available cores; the groups do not depend on it.
        progress: True shows a bar; a callable receives (done, total) about every 50 ms.

    Raises:
        ValueError: a constraint is broken; the message states it and the value.
        OSError: a path cannot be read.
        KeyboardInterrupt: within 0.2 s of Ctrl-C.
    """
    matrix = as_matrix(embeddings, column)
    limit = as_distance(distance, "distance")
    scores = as_kept_scores(keep, matrix.shape[0])
    reference = as_other_rows(against, "against", matrix, column, against_column)
    return _find(
        matrix,
        limit,
        scores,
        reference,
        metric=as_metric(metric),
        n_threads=as_threads(n_threads),
        progress=progress,
    )


def without_near_duplicates(
    choice: Choice,
    matrix: HostMatrix,
    limit: float,
    initial: NDArray[np.int64] | None,
    n_samples: int,
    *,
    metric: str,
    n_threads: int,
    progress: Progress,
) -> Choice:
    """`choice` among one row of each group of near-duplicates: the best of those it allows.

    Groups of initial rows, and rows near existing ones, give none. Rows that it does not allow are
    not read. n_samples: 0 if it is open.

    Raises ValueError if these leave fewer rows than `n_samples`, or none.
    """
    n_rows = matrix.shape[0]
    candidates = choice.candidates(n_rows)
    n_initial = 0
    if initial is not None:
        candidates[initial] = False
        n_initial = len(np.unique(initial))
    n_before = int(np.count_nonzero(candidates)) + n_initial
    if n_before < max(n_samples, 1):
        return choice  # the core refuses it, and says what leaves rows out
    considered = candidates.copy()
    if initial is not None:
        considered[initial] = True
    with _called({"distance": "dedup_distance", "against": "existing"}):
        found = _find(
            matrix,
            limit,
            choice.scores,
            choice.existing,
            rows=None if considered.all() else np.flatnonzero(considered),
            metric=metric,
            n_threads=n_threads,
            progress=progress,
        )
    if initial is not None:
        candidates &= ~np.isin(found.groups, found.groups[initial])
    rows = found.representatives_among(candidates)
    n_left = len(rows) + n_initial
    if n_left < max(n_samples, 1):
        allowed = f"only {n_left:,}" if n_left else "none"
        wanted = f"n_samples is {n_samples}, but " if n_samples else ""
        lower = "lower n_samples or dedup_distance" if n_samples else "lower dedup_distance"
        raise ValueError(
            f"{wanted}dedup_distance = {limit:g} leaves {allowed} of the {n_before:,} rows that "
            f"may otherwise be chosen; {lower}"
        )
    return dataclasses.replace(choice, among=rows)


@contextlib.contextmanager
def _called(names: dict[str, str]) -> Iterator[None]:
    """Let messages that begin with the name of an argument use the caller's name of it."""
    try:
        yield
    except ValueError as error:
        first, *rest = re.split(r"(?=[ :])", str(error), maxsplit=1)
        if first not in names:
            raise
        raise type(error)("".join([names[first], *rest])) from None


def _find(
    matrix: HostMatrix,
    limit: float,
    scores: NDArray[np.float64] | None,
    reference: HostMatrix | None,
    *,
    rows: NDArray[np.int64] | None = None,
    metric: str,
    n_threads: int,
    progress: Progress,
) -> NearDuplicates:
    """rows: the only ones that are read, ascending; the others are groups of their own."""
    matches = None
    if reference is not None:
        with progress_callback(progress, "match") as callback:
            matches = matrix.match_near_duplicates(
                reference, limit, rows=rows, metric=metric, n_threads=n_threads, progress=callback
            )
    with progress_callback(progress, "deduplicate") as callback:
        groups = matrix.group_near_duplicates(
            limit, rows=rows, metric=metric, n_threads=n_threads, progress=callback
        )
    return NearDuplicates(groups, limit, metric, scores, matches)


def as_kept_scores(keep: object, n_rows: int) -> NDArray[np.float64] | None:
    if keep is None:
        return None
    scores = as_numbers(keep, "keep", n_rows)
    require_finite(scores, "keep must hold finite scores", "give the row a score")
    return scores


def as_distance(distance: object, name: str) -> float:
    """Raise ValueError for what is no number; the core checks its range."""
    # float() would also accept a string or a boolean.
    if is_real(distance):
        with contextlib.suppress(OverflowError):
            return float(distance)
    raise ValueError(f"{name} must be a number, got {shown(distance)}")
