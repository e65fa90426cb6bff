"""Everything that a report page is made from: plain arrays, dictionaries and records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from thinset.report.cells import NextStep, Progress
    from thinset.report.explorer.inputs import Explore
    from thinset.results.records import RunRecord


@dataclass(frozen=True)
class Reconstructions:
    """A few samples before and after an autoencoder.

    `inputs` and `outputs` are (n, H, W, C), uint8 or floats in [0, 1]; `embeddings` is
    (n, h, w, c) or (n, D).
    """

    inputs: NDArray[Any]
    embeddings: NDArray[Any]
    outputs: NDArray[Any]

    def first(self, n: int) -> Reconstructions:
        """At most n of them."""
        return Reconstructions(self.inputs[:n], self.embeddings[:n], self.outputs[:n])


@dataclass(frozen=True)
class ReportInputs:
    """What `write_report` draws; an optional part that is missing leaves its section out.

    `images` is (N, H, W, C) and may be a memory map: only rows that are shown are read. `labels`
    (N,) are class numbers from 0, `class_names` name them. `selected_indices` (in selection order)
    and `random_indices` are rows of `images`. `embeddings` is (N, D) and may be a memory map.
    `explore` gives what the page's explorer shows, with the captions of its parts; without it, the
    page has still pictures alone.
    `embedding_facts` and `settings` hold free JSON; `stage_seconds` maps the stages of making this
    report's results to wall-clock seconds. `command` is the command line that makes them again.
    `next_step`: what the page advises. `progress`: of an unfinished run, whose page has no plots.
    Raises ValueError where lengths disagree or an index is out of range.
    """

    title: str
    dataset_name: str
    images: NDArray[Any]
    selected_indices: NDArray[np.int64]
    records: Sequence[RunRecord]
    command: str
    labels: NDArray[np.int64] | None = None
    class_names: Sequence[str] | None = None
    random_indices: NDArray[np.int64] | None = None
    embeddings: NDArray[Any] | None = None
    reconstructions: Reconstructions | None = None
    explore: Explore | None = None
    embedding_facts: Mapping[str, Any] | None = None
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    next_step: NextStep | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or 0 in self.images.shape:
            raise ValueError(
                f"images must be a non-empty (N, H, W, C) array, got {self.images.shape}"
            )
        n = len(self.images)
        if self.labels is not None and self.labels.shape != (n,):
            raise ValueError(f"labels must have the shape ({n},), got {self.labels.shape}")
        if self.embeddings is not None and (
            self.embeddings.ndim != 2 or len(self.embeddings) != n or self.embeddings.shape[1] == 0
        ):
            raise ValueError(
                f"embeddings must have the shape ({n}, D), D > 0, got {self.embeddings.shape}"
            )
        _check_labels(self.labels, self.class_names)
        _check_indices("selected_indices", self.selected_indices, n)
        if self.random_indices is not None:
            _check_indices("random_indices", self.random_indices, n)


def _check_indices(name: str, indices: NDArray[np.int64], n: int) -> None:
    if indices.ndim != 1 or len(indices) == 0 or indices.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a non-empty 1-dimensional array of integers, "
            f"got {indices.dtype} {indices.shape}"
        )
    outside = (indices < 0) | (indices >= n)
    if outside.any():
        position = int(outside.argmax())
        raise ValueError(
            f"{name} must lie in 0..{n - 1}, got {indices[position]} at position {position}"
        )


def _check_labels(labels: NDArray[np.int64] | None, class_names: Sequence[str] | None) -> None:
    if labels is None:
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (class_names is not None and high >= len(class_names)):
        limit = "" if class_names is None else f" and below {len(class_names)}, one per class name"
        raise ValueError(f"labels must be at least 0{limit}, got {low}..{high}")
