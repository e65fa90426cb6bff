"""Write chosen rows of a dataset as a dataset of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset import _core
from thinset.atomic_files import atomic_folder
from thinset.data.labels import require_labels
from thinset.data.manifest import IMAGE_DTYPES, Manifest
from thinset.data.npy_file import NpyFileWriter, describe_npy
from thinset.data.overlap import require_apart
from thinset.data.store import Dataset, open_dataset

if TYPE_CHECKING:
    from thinset.data.manifest import ArrayEntry

    Array = np.ndarray[Any, Any]
    Arrays = tuple[Array, Array | None]


def write_subset(
    selection: Any,
    source: Dataset | str | os.PathLike[str] | Arrays,
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    n_threads: int | None = None,
    name: str | None = None,
) -> Dataset:
    """Copy the selected rows, in selection order, into the dataset folder `out`.

    `selection` is anything with `.indices` (and, for the record, `.method`, `.params`), or the
    row indices themselves: (k,) integers in 0..N-1, in any order. `source` is a dataset, the path
    of a dataset folder, or arrays (images, labels): images (N, height, width, channels) uint8 or
    float32 in C order, labels (N,) integers or None. The native core copies the rows from file to
    file with `n_threads` threads (None: all cores), so that neither side need fit in memory. The
    indices themselves are kept beside the rows as indices.npy.

    The folder appears whole or not at all. Raises ValueError for indices out of range, a selection
    made for another number of samples and an output that would replace its source, and
    FileExistsError where `out` exists and `overwrite` is false.
    """
    indices = _indices(selection)
    if isinstance(source, (str, os.PathLike)):
        source = open_dataset(source)
    origin = _Origin.of_dataset(source) if isinstance(source, Dataset) else _Origin(*source)
    n_total = getattr(selection, "n_total", origin.n_samples)
    if n_total != origin.n_samples:
        raise ValueError(
            f"the selection was made from {n_total} samples, but the source has {origin.n_samples}"
        )
    origin.require_apart(out)
    with atomic_folder(out, overwrite=overwrite) as folder:
        arrays = {"images": _gather(indices, origin.images, folder / "images.npy", n_threads)}
        if origin.labels is not None:
            arrays["labels"] = _gather(indices, origin.labels, folder / "labels.npy", n_threads)
        arrays["indices"] = _write_indices(indices, folder / "indices.npy")
        Manifest(
            name=Path(out).name if name is None else name,
            n_samples=len(indices),
            image_shape=origin.image_shape,
            arrays=arrays,
            class_names=origin.class_names,
            provenance=_provenance(selection, origin),
        ).save(folder)
    return open_dataset(out)


class _Origin:
    """The source as the core reads it: paths of .npy files, or C-contiguous arrays."""

    def __init__(self, images: Array, labels: Array | None = None) -> None:
        if images.ndim != 4 or images.dtype.name not in IMAGE_DTYPES:
            raise ValueError(
                f"images must be one of {IMAGE_DTYPES} of shape (N, height, width, channels), "
                f"got {images.dtype} of shape {images.shape}"
            )
        if not images.flags.c_contiguous:
            raise ValueError("images must be in C order: pass np.ascontiguousarray(images)")
        if labels is not None:
            labels = require_labels(labels)
            if len(labels) != len(images):
                raise ValueError(f"{len(images)} images need as many labels, got {len(labels)}")
        self.images: Array | str = images
        self.labels: Array | str | None = labels
        self.n_samples = len(images)
        self.image_shape: tuple[int, int, int] = images.shape[1:]
        self.class_names: tuple[str, ...] | None = None
        self.parent: dict[str, Any] = {"n_samples": self.n_samples}
        self._file: str | Path | None = getattr(images, "filename", None)

    @classmethod
    def of_dataset(cls, dataset: Dataset) -> _Origin:
        origin = cls(dataset.images, dataset.labels)
        files = {role: str(dataset.path / e.file) for role, e in dataset.manifest.arrays.items()}
        origin.images, origin.labels = files["images"], files.get("labels")
        origin.class_names = dataset.class_names
        origin.parent |= {"name": dataset.name, "fingerprint": dataset.fingerprint}
        return origin

    def require_apart(self, out: str | os.PathLike[str]) -> None:
        if self._file is not None:
            require_apart(out, self._file)


def _indices(selection: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    indices = np.asarray(getattr(selection, "indices", selection))
    if indices.ndim != 1 or indices.dtype.kind not in "iu" or len(indices) == 0:
        raise ValueError(
            "the selection must hold at least one integer index in an array of shape (k,), "
            f"got {indices.dtype} of shape {indices.shape}"
        )
    return np.ascontiguousarray(indices, dtype=np.int64)


def _gather(
    indices: Array, source: Array | str, destination: Path, n_threads: int | None
) -> ArrayEntry:
    _core.gather(source, indices, str(destination), n_threads=n_threads or 0)
    return describe_npy(destination)


def _write_indices(indices: Array, path: Path) -> ArrayEntry:
    with NpyFileWriter(path, indices.dtype, indices.shape) as writer:
        writer.append(indices)
    return writer.entry()


def _provenance(selection: Any, origin: _Origin) -> dict[str, Any]:
    return {
        "kind": "subset",
        "parent": origin.parent,
        "method": getattr(selection, "method", None),
        "params": _as_json(getattr(selection, "params", {})),
    }


def _as_json(value: Any) -> Any:
    """Parameters as JSON holds them: NumPy numbers and arrays become plain ones."""
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
