"""Images and labels of a dataset folder or a source, read in the order of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data import open_dataset
from thinset.data.manifest import MANIFEST_FILE
from thinset.data.sources import ReadOptions, open_source
from thinset.data.sources.image_folder import ImageFolder
from thinset.data.sources.image_stream import BATCH_SIZE, require_split

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from thinset.data import Dataset
    from thinset.data.sources import ImageStream


@dataclass(frozen=True)
class ShownSamples:
    """Samples to look at.

    images: given ascending rows, gives their images (n, H, W, C) in batches. labels: (N,) int64,
    -1 for none. ids: the paths of image files.
    """

    name: str
    path: Path
    n_samples: int
    images: Callable[[NDArray[np.int64]], Iterator[NDArray[Any]]]
    labels: NDArray[np.int64] | None
    class_names: Sequence[str] | None
    ids: Sequence[str] | None = None

    def __len__(self) -> int:
        return self.n_samples


def read_samples(data: str | os.PathLike[str], *, split: str = "train") -> ShownSamples:
    """Open a dataset folder, or one split of a source that can be imported.

    Raises FileNotFoundError where there is none, and ValueError as `open_dataset`, `import_dataset`
    and, for a source without that split, `open_encoded` do.
    """
    path = Path(data)
    if (path / MANIFEST_FILE).is_file():
        return samples_of(open_dataset(path))
    opened = open_source(str(data), ReadOptions())
    require_split(split, list(opened.streams), str(data))
    return _of_stream(opened.streams[split], path)


def samples_of(dataset: Dataset) -> ShownSamples:
    """The samples of an open dataset folder."""

    def images(rows: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
        for start in range(0, len(rows), BATCH_SIZE):
            yield np.asarray(dataset.images[rows[start : start + BATCH_SIZE]])

    labels = dataset.labels
    if labels is None and dataset.soft_labels is not None:
        # The most probable class, as in evaluation.
        labels = dataset.soft_labels.argmax(axis=1)
    return ShownSamples(
        dataset.name,
        dataset.path,
        len(dataset),
        images,
        None if labels is None else np.asarray(labels, np.int64),
        dataset.class_names,
    )


def _of_stream(stream: ImageStream, path: Path) -> ShownSamples:
    def images(rows: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
        start = 0
        for batch, _ in stream:
            first, last = np.searchsorted(rows, (start, start + len(batch)))
            own = rows[first:last] - start
            start += len(batch)
            if len(own):
                yield batch[own]

    ids = None
    labels = None
    if stream.encoded is not None:
        encoded = [(name, label) for name, _, label in stream.encoded()]
        labels = _as_labels([label for _, label in encoded])
        if stream.provenance.source == ImageFolder.name:
            ids = [_below(path, name) for name, _ in encoded]
    else:
        labels = _as_labels([label for _, part in stream for label in _listed(part)])
    return ShownSamples(
        stream.name, path, stream.n_samples, images, labels, stream.class_names, ids
    )


def _listed(labels: NDArray[Any] | None) -> list[int]:
    return [] if labels is None else labels.tolist()


def _as_labels(labels: Sequence[int | None]) -> NDArray[np.int64] | None:
    if not labels or None in labels:
        return None
    return np.array(labels, np.int64)


def _below(folder: Path, name: str) -> str:
    """The path of a file, relative to its folder where it is in it."""
    path = Path(name)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else name
