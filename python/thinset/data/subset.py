"""Write chosen rows of a dataset as a dataset of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset import _core
from thinset.data.arrays import as_array, as_images, as_row_indices
from thinset.data.labels import require_labels
from thinset.data.manifest import IMAGE_DTYPES, Manifest
from thinset.data.npy_file import NpyFileWriter, describe_npy
from thinset.data.provenance import Parent, SelectedFrom
from thinset.data.store import Dataset, new_dataset_folder, open_dataset
from thinset.files.overlap import require_apart
from thinset.threads import as_threads

if TYPE_CHECKING:
    from thinset.data.manifest import ArrayEntry

    Array = np.ndarray[Any, Any]

_BYTES_PER_PIECE = 1 << 24
_ROW_ROLES = ("images", "labels", "soft_labels")


def write_subset(
    selection: Any,
    source: Dataset | str | os.PathLike[str] | tuple[Any, Any],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    n_threads: int | None = None,
    name: str | None = None,
) -> Dataset:
    """Copy the selected rows, in selection order, into the dataset folder `out`.

    `selection` is anything with `.indices` (and, for the record, `.method`, `.params`), the row
    indices themselves, (k,) integers in 0..N-1 in any order, or a mask (N,) of booleans: arrays,
    lists or tensors. `source` is a dataset, the path of a dataset folder, or a pair (images,
    labels) of arrays, tensors or lists: images (N, height, width, channels) uint8 or float32,
    labels (N,) integers or None. The native core copies the rows from file to file with `n_threads`
    threads (None: all cores), so that neither side need fit in memory. Soft labels of a dataset are
    copied too. The indices themselves are kept beside the rows as indices.npy. A training schedule
    is for all rows in their order: it is not kept, and the provenance says so.

    The folder is written atomically; with `overwrite`, an existing folder is replaced if thinset
    wrote everything in it. Everything is checked before that. Raises ValueError for indices out of
    range, a selection made for another number of samples, arrays that are no such images or labels,
    and an output that would replace its source, and FileExistsError if `out` exists and
    `overwrite` is false or something else is in it.
    """
    if isinstance(source, (str, os.PathLike)):
        source = open_dataset(source)
    if isinstance(source, Dataset):
        require_apart(out, source.path, _rows_of(selection))
        origin = _Origin.of_dataset(source)
    else:
        images, labels = _pair(source)
        require_apart(out, images, labels, _rows_of(selection))
        origin = _Origin(images, labels)
    threads = as_threads(n_threads)
    n_total = getattr(selection, "n_total", origin.n_samples)
    if n_total != origin.n_samples:
        raise ValueError(
            f"the selection was made from {n_total} samples, but the source has {origin.n_samples}"
        )
    indices = as_row_indices(_rows_of(selection), origin.n_samples)
    with new_dataset_folder(out, overwrite=overwrite) as folder:
        arrays = {
            role: _gather(indices, array, folder / f"{role}.npy", threads)
            for role, array in origin.arrays.items()
        }
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
    """The source as the core reads it: paths of .npy files, or arrays."""

    def __init__(self, images: Any, labels: Any = None) -> None:
        images = as_images(images)
        if images.ndim != 4 or images.dtype.name not in IMAGE_DTYPES or 0 in images.shape:
            raise ValueError(
                f"images must be one of {IMAGE_DTYPES} of shape (N, height, width, channels), "
                f"got {images.dtype} of shape {images.shape}"
            )
        _require_whole_file(images)
        if labels is not None:
            labels = require_labels(as_array(labels, "labels"))
            if len(labels) != len(images):
                raise ValueError(f"{len(images)} images need as many labels, got {len(labels)}")
        self.arrays: dict[str, Array | Path] = {"images": images}
        if labels is not None:
            self.arrays["labels"] = labels
        self.n_samples = len(images)
        self.image_shape: tuple[int, int, int] = images.shape[1:]
        self.class_names: tuple[str, ...] | None = None
        self.parent = Parent(n_samples=self.n_samples)
        self.dropped: tuple[str, ...] = ()

    @classmethod
    def of_dataset(cls, dataset: Dataset) -> _Origin:
        origin = cls(dataset.images, dataset.labels)
        dataset.require_valid_labels()
        entries = dataset.manifest.arrays
        origin.arrays = {
            role: dataset.path / entries[role].file for role in _ROW_ROLES if role in entries
        }
        origin.class_names = dataset.class_names
        origin.parent = Parent.of(dataset)
        origin.dropped = () if dataset.schedule is None else ("schedule",)
        return origin


def _pair(source: Any) -> tuple[Any, Any]:
    if isinstance(source, (tuple, list)) and len(source) == 2:
        images, labels = source
        return images, labels
    got = f" of {len(source)}" if isinstance(source, (tuple, list)) else ""
    raise ValueError(
        "source must be a Dataset, the path of one, or a pair (images, labels), got "
        f"{type(source).__name__}{got}; without labels, give (images, None)"
    )


def _rows_of(selection: Any) -> Any:
    rows = getattr(selection, "indices", None)
    # Tensors have a method of that name.
    return selection if rows is None or callable(rows) else rows


def _require_whole_file(array: Array) -> None:
    """Refuse a map of a file that has become shorter: reading it would kill the process."""
    owner = array
    while isinstance(owner.base, np.memmap):
        owner = owner.base
    if isinstance(owner, np.memmap) and owner.filename is not None:
        n_bytes, n_expected = Path(owner.filename).stat().st_size, owner.offset + owner.nbytes
        if n_bytes < n_expected:
            raise ValueError(
                f"{owner.filename} became shorter after it was opened: it has {n_bytes} bytes, "
                f"the array needs {n_expected}"
            )


def _gather(indices: Array, source: Array | Path, destination: Path, n_threads: int) -> ArrayEntry:
    target = os.fsencode(destination)
    if isinstance(source, Path):
        _core.gather(os.fsencode(source), indices, target, n_threads=n_threads)
    elif source.flags.c_contiguous and source.dtype.isnative:
        _core.gather(source, indices, target, n_threads=n_threads)
    else:
        return _copy_rows(indices, source, destination)
    return describe_npy(destination)


def _copy_rows(indices: Array, source: Array, destination: Path) -> ArrayEntry:
    """As the core copies, for arrays in any order of axes or bytes; it writes the native one."""
    dtype = source.dtype.newbyteorder("=")
    shape = source.shape[1:]
    n_rows = max(1, _BYTES_PER_PIECE // max(1, dtype.itemsize * int(np.prod(shape))))
    with NpyFileWriter(destination, dtype, (len(indices), *shape)) as writer:
        for start in range(0, len(indices), n_rows):
            writer.append(source[indices[start : start + n_rows]].astype(dtype))
    return writer.entry()


def _write_indices(indices: Array, path: Path) -> ArrayEntry:
    with NpyFileWriter(path, indices.dtype, indices.shape) as writer:
        writer.append(indices)
    return writer.entry()


def _provenance(selection: Any, origin: _Origin) -> SelectedFrom:
    return SelectedFrom(
        parent=origin.parent,
        method=getattr(selection, "method", None),
        params=getattr(selection, "params", {}),
        dropped=origin.dropped,
    )
