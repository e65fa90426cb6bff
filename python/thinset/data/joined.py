"""Several datasets written as one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.matching_splits import require_matching_classes, require_one_shape
from thinset.data.provenance import JoinedFrom, Parent
from thinset.data.store import open_dataset
from thinset.data.writer import DatasetWriter
from thinset.files.overlap import require_apart

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from thinset.data.store import Dataset

_ROWS_PER_BATCH = 4096


def join_datasets(
    datasets: Sequence[Dataset],
    out: str | os.PathLike[str],
    *,
    name: str | None = None,
    overwrite: bool = False,
) -> Dataset:
    """Write all samples of `datasets`, one after the other, as the dataset folder `out`.

    Where some images are uint8 and others float32, all become float32 in 0..1. Where some have soft
    labels, the labels of the others become soft labels too: 1 for the class, 0 for all others.
    Class names are those of the first. A training schedule is for the rows of its dataset alone: it
    is not kept, and the provenance says so. Raises ValueError without datasets, unless all have
    images of one shape and the same classes, and where some have labels and others neither labels
    nor soft labels.
    """
    if not datasets:
        raise ValueError("datasets must hold at least one dataset, got none")
    first = datasets[0]
    for dataset in datasets:
        require_apart(out, dataset.path)
        require_one_shape(first.image_shape, dataset.image_shape, str(dataset.path))
        require_matching_classes(first, dataset, str(dataset.path))
        if _has_labels(dataset) != _has_labels(first):
            without = first if _has_labels(dataset) else dataset
            raise ValueError(f"{without.path} has no labels, but others to be joined with it have")
    are_labelled = all(dataset.labels is not None for dataset in datasets)
    are_soft = any(dataset.soft_labels is not None for dataset in datasets)
    n_classes = max(dataset.n_classes for dataset in datasets)
    dtypes = {dataset.images.dtype.name for dataset in datasets}
    dtype = "float32" if len(dtypes) > 1 else dtypes.pop()
    with DatasetWriter(
        out,
        name=Path(out).name if name is None else name,
        image_shape=first.image_shape,
        image_dtype=dtype,
        n_samples=sum(map(len, datasets)),
        class_names=first.class_names,
        provenance=JoinedFrom(
            parents=tuple(map(Parent.of, datasets)),
            dropped=("schedule",) if any(data.schedule is not None for data in datasets) else (),
        ),
        overwrite=overwrite,
    ) as writer:
        for dataset in datasets:
            for start in range(0, len(dataset), _ROWS_PER_BATCH):
                rows = slice(start, start + _ROWS_PER_BATCH)
                labels = (
                    dataset.labels[rows] if are_labelled and dataset.labels is not None else None
                )
                soft_labels = _soft_labels(dataset, rows, n_classes) if are_soft else None
                writer.append(_as_dtype(dataset.images[rows], dtype), labels, soft_labels)
    return open_dataset(out)


def _has_labels(dataset: Dataset) -> bool:
    return dataset.labels is not None or dataset.soft_labels is not None


def _soft_labels(dataset: Dataset, rows: slice, n_classes: int) -> np.ndarray[Any, Any]:
    if dataset.soft_labels is not None:
        return dataset.soft_labels[rows]
    assert dataset.labels is not None
    is_class: np.ndarray[Any, Any] = dataset.labels[rows, np.newaxis] == np.arange(n_classes)
    return is_class.astype(np.float32)


def _as_dtype(images: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    if images.dtype == np.uint8 and dtype == "float32":
        return images.astype(np.float32) / np.float32(255)
    return images
