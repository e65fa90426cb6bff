"""Opens training data of any size, and draws a sample that a probe can afford."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset._core import open_npy
from thinset.data import Dataset, DatasetWriter, open_dataset, open_encoded
from thinset.data.provenance import Parent, SelectedFrom
from thinset.data.soft_labels import class_numbers
from thinset.data.sources.digits import DIGITS
from thinset.embeddings import pca
from thinset.experiments.prepare.data import Splits, is_dataset_folder, open_training_data
from thinset.selection.matrix_input import require_npy_matrix

if TYPE_CHECKING:
    from thinset.data import EncodedDataset
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.where import Where

MOST_ROWS = 6_000
_MOST_BYTES = 200_000_000
"""The sample's images take at most this much"""
_FIRST_ROWS = 16
"""Rows that are written first, to predict how long others take"""
_MOST_NAMED = 10_000
_N_COMPONENTS = 64
_PER_PIECE = 50_000_000
"""Values of embeddings that are checked at a time"""


@dataclass(frozen=True)
class Whole:
    """All training data: their images, labels (None without) and given embeddings.

    encoded: the images that training decodes in its loop; None if they are decoded already.
    """

    data: Dataset | EncodedDataset
    encoded: EncodedDataset | None
    given: np.ndarray[Any, Any] | None

    @property
    def labels(self) -> np.ndarray[Any, np.dtype[np.int64]] | None:
        return class_numbers(self.data) if isinstance(self.data, Dataset) else self.data.labels


def open_whole(where: Where, folder: RunFolder, *, encoded: bool, embeddings: str | None) -> Whole:
    """Open the training data; sources of encoded images are not imported.

    Raises ValueError for embeddings with another number of rows, or values that are not finite.
    """
    data, in_loop = _opened(where, folder, encoded=encoded)
    if len(data) < 2:
        raise ValueError(
            f"a probe needs at least 2 training samples, {where.source} has {len(data)}"
        )
    given = None if embeddings is None else _given(embeddings, len(data))
    return Whole(data, in_loop, given)


def _opened(
    where: Where, folder: RunFolder, *, encoded: bool
) -> tuple[Dataset | EncodedDataset, EncodedDataset | None]:
    if encoded:
        in_loop = open_encoded(where.source, size=where.image_size)
        return in_loop, in_loop
    places = (where.source, Path(where.source) / "train")
    is_readable = where.source == DIGITS or any(is_dataset_folder(place) for place in places)
    if not is_readable:
        try:
            return open_encoded(where.source, size=where.image_size), None
        except ValueError:
            pass  # of another kind, or damaged, which importing says
    data = open_training_data(where.source, folder, where.image_size, show_progress=False)
    return data, None


def _given(path: str, n_samples: int) -> np.ndarray[Any, Any]:
    require_npy_matrix(path)
    embeddings: np.ndarray[Any, Any] = open_npy(path)
    if len(embeddings) != n_samples:
        raise ValueError(
            f"'{path}': given embeddings must have one row for each of {n_samples} samples, got "
            f"shape {embeddings.shape}"
        )
    n_rows = max(_PER_PIECE // embeddings.shape[1], 1)
    for start in range(0, n_samples, n_rows):
        faults = np.argwhere(~np.isfinite(embeddings[start : start + n_rows]))
        if len(faults):
            row, column = start + int(faults[0][0]), int(faults[0][1])
            raise ValueError(
                f"'{path}': row {row} holds {embeddings[row, column]} in column {column}; "
                "embeddings must be finite"
            )
    return embeddings


class SampledBench:
    """A random sample of all training data, written to `scratch`, for measuring and training on.

    `seconds`: about the time that writing it may take. data.test: a part of the sample, to measure
    how long tests take; nothing is scored on it.
    """

    def __init__(
        self, whole: Whole, scratch: Path, seconds: float, *, device: str, seed: int
    ) -> None:
        self.encoded = whole.encoded
        self.device = device
        self.n_total = len(whole.data)
        self._scratch = scratch
        self._given = whole.given
        order = np.random.default_rng(seed).permutation(len(whole.data))[:MOST_ROWS]
        start = time.monotonic()
        first = _write(whole, order[:_FIRST_ROWS], scratch / "first")
        per_row = max((time.monotonic() - start) / len(first), 1e-9)
        n_rows = min(
            len(order),
            max(int(seconds / per_row), len(first)),
            max(_MOST_BYTES // max(int(first.images[0].nbytes), 1), len(first)),
        )
        self.rows = np.sort(order[:n_rows])
        train = _write(whole, self.rows, scratch / "sample")
        self.data = Splits(train, first)
        self._embeddings: np.ndarray[Any, Any] | None = None

    def embeddings(self) -> np.ndarray[Any, Any]:
        """The given rows, or principal components of the sample."""
        if self._embeddings is None:
            train = self.data.train
            if self._given is not None:
                self._embeddings = np.asarray(self._given[self.rows], np.float32)
            else:
                n_values = int(np.prod(train.image_shape))
                n_components = min(_N_COMPONENTS, len(train), n_values)
                self._embeddings = pca(train, n_components, self._scratch / "components")
        return self._embeddings


def _write(whole: Whole, rows: np.ndarray[Any, np.dtype[np.int64]], path: Path) -> Dataset:
    """Write these rows; classes are numbered as in the whole data, also those without a sample."""
    data, labels = whole.data, whole.labels
    names = data.class_names
    if names is None and labels is not None and data.n_classes <= _MOST_NAMED:
        names = tuple(map(str, range(data.n_classes)))
    with DatasetWriter(
        path,
        name=path.name,
        image_shape=data.image_shape,
        image_dtype=getattr(data.images, "dtype", np.dtype(np.uint8)).name,
        n_samples=len(rows),
        class_names=names,
        provenance=SelectedFrom(parent=Parent(data.name, len(data), data.fingerprint)),
    ) as writer:
        for start in range(0, len(rows), 256):
            part = rows[start : start + 256]
            writer.append(data.images.take(part, axis=0), None if labels is None else labels[part])
    return open_dataset(path)
