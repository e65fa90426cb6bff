"""What the explorer shows: plain arrays about all samples, and a way to read images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    ReadImages: TypeAlias = Callable[[NDArray[np.int64]], Iterator[NDArray[Any]]]
    """Images (n, H, W, C), uint8 or floats in [0, 1], of ascending rows, in batches."""

    Explore: TypeAlias = Callable[[], tuple["ExplorerInputs", Mapping[str, str]]]
    """Prepares what a page shows, and the captions of its parts "map" and "stacks"."""


@dataclass(frozen=True)
class Reasons:
    """Why samples are kept or dropped.

    nearest: (N,) int64, the nearest kept row of each row. distances: (N,) float64, to that row, in
    units of `metric`. Entries of kept rows have no meaning.
    """

    nearest: NDArray[np.int64]
    distances: NDArray[np.float64]
    metric: str


@dataclass(frozen=True)
class Stacks:
    """Groups of two or more near-duplicate rows, the largest first, and what was called near."""

    groups: Sequence[NDArray[np.int64]]
    distance: float


@dataclass(frozen=True)
class OtherSelection:
    """A selection to compare with: its name, its rows in selection order, their gains if known."""

    name: str
    indices: NDArray[np.int64]
    gains: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ExplorerInputs:
    """All samples and what was selected of them; a part that is None is left out of the page.

    n_total: the number N of samples. name: of the selection. indices: (k,) rows in selection order.
    gains: (k,). coordinates: (N, 2), finite. labels: (N,) class numbers from 0, or -1 for none.
    class_names: of class 0, 1, ... texts, ids: one per sample.
    """

    n_total: int
    name: str
    indices: NDArray[np.int64]
    gains: NDArray[np.float64] | None = None
    coordinates: NDArray[np.float64] | None = None
    labels: NDArray[np.int64] | None = None
    class_names: Sequence[str] | None = None
    images: ReadImages | None = None
    texts: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    reasons: Reasons | None = None
    stacks: Stacks | None = None
    other: OtherSelection | None = None
