"""Several datasets written as one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.matching_splits import require_matching_classes, require_one_shape
from thinset.data.store import DatasetWriter, open_dataset
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

    Where some images are uint8 and others float32, all become float32 in 0..1. Class names are
    those of the first. Raises ValueError unless all have images of one shape and the same classes,
    and where some have labels and others have none.
    """
    first = datasets[0]
    for dataset in datasets:
        require_apart(out, dataset.path)
        require_one_shape(first.image_shape, dataset.image_shape, str(dataset.path))
        require_matching_classes(first, dataset, str(dataset.path))
        if (dataset.labels is None) != (first.labels is None):
            without = dataset if dataset.labels is None else first
            raise ValueError(f"{without.path} has no labels, but others to be joined with it have")
    dtypes = {dataset.images.dtype.name for dataset in datasets}
    dtype = "float32" if len(dtypes) > 1 else dtypes.pop()
    parents = [{"name": dataset.name, "fingerprint": dataset.fingerprint} for dataset in datasets]
    with DatasetWriter(
        out,
        name=Path(out).name if name is None else name,
        image_shape=first.image_shape,
        image_dtype=dtype,
        n_samples=sum(map(len, datasets)),
        class_names=first.class_names,
        provenance={"kind": "joined", "parents": parents},
        overwrite=overwrite,
    ) as writer:
        for dataset in datasets:
            for start in range(0, len(dataset), _ROWS_PER_BATCH):
                rows = slice(start, start + _ROWS_PER_BATCH)
                labels = None if dataset.labels is None else dataset.labels[rows]
                writer.append(_as_dtype(dataset.images[rows], dtype), labels)
    return open_dataset(out)


def _as_dtype(images: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    if images.dtype == np.uint8 and dtype == "float32":
        return images.astype(np.float32) / np.float32(255)
    return images
