"""Dataset folders: images.npy, labels.npy, soft_labels.npy and manifest.json, memory-mapped.

Images are (N, height, width, channels) in C order, uint8 0..255 (float32 for generated data).
Labels (N,) int64 and soft labels (N, C) float32 are optional.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import operator
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import msgspec
import numpy as np

from thinset.data.labels import require_labels, require_stored_labels
from thinset.data.manifest import IMAGE_DTYPES, ArrayEntry, Manifest
from thinset.data.npy_file import NpyFileWriter, file_digest, open_npy
from thinset.data.provenance import Provenance, as_provenance
from thinset.data.replaceable import foreign_to_dataset
from thinset.data.soft_labels import require_soft_labels, require_stored_soft_labels
from thinset.files.atomic import atomic_folder
from thinset.files.decoding import encode

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from thinset.data.schedule import TrainingSchedule

NO_LABEL = -1
"""The label of a sample without a label, as in scikit-learn's semi-supervised API."""


class Dataset:
    """A dataset folder, memory-mapped read-only; also a map-style torch Dataset by duck typing.

    Opening reads the manifest, the arrays' headers, the labels and the soft labels, never the
    images, and checks one against the other. Processes started for a DataLoader reopen the folder
    rather than receive its content. Open one with `open_dataset`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.manifest = Manifest.load(self.path)
        self.images: np.memmap[Any, Any] = self.array("images")
        self.labels: np.memmap[Any, np.dtype[np.int64]] | None = (
            self.array("labels") if "labels" in self.manifest.arrays else None
        )
        self.soft_labels: np.memmap[Any, np.dtype[np.float32]] | None = (
            self.array("soft_labels") if "soft_labels" in self.manifest.arrays else None
        )
        self.require_valid_labels()

    def require_valid_labels(self) -> None:
        """Check labels and soft labels again; ValueError names the file and the row at fault."""
        arrays = self.manifest.arrays
        if self.soft_labels is not None:
            path = self.path / arrays["soft_labels"].file
            require_stored_soft_labels(self.soft_labels, path)
        if self.labels is not None:
            path = self.path / arrays["labels"].file
            require_stored_labels(self.labels, self._n_known_classes, path)

    def array(self, role: str) -> np.memmap[Any, Any]:
        """Map the array of this role ("images", "labels", "soft_labels", ...) read-only.

        Raises KeyError where the manifest does not name it, and ValueError where the file is not
        what the manifest says.
        """
        entry = self.manifest.arrays[role]
        array = open_npy(self.path / entry.file)
        if array.dtype != np.dtype(entry.dtype) or array.shape != entry.shape:
            raise ValueError(
                f"{self.path / entry.file} holds {array.dtype} of shape {array.shape}, "
                f"but the manifest says {entry.dtype} of shape {entry.shape}"
            )
        return array

    def __len__(self) -> int:
        return self.manifest.n_samples

    def __getitem__(self, index: SupportsIndex) -> tuple[np.ndarray[Any, Any], int]:
        """The image (height, width, channels), a copy of the caller's own, and its label.

        The label is -1 where the dataset has none. Raises IndexError outside -N..N-1.
        """
        # A copy: torch cannot wrap read-only memory, and in-place augmentation stays harmless.
        row = operator.index(index)
        label = NO_LABEL if self.labels is None else int(self.labels[row])
        return np.array(self.images[row]), label

    def __reduce__(self) -> tuple[Callable[[Path], Dataset], tuple[Path]]:
        return open_dataset, (self.path,)

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}: {len(self)} x {self.image_shape})"

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.manifest.name

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.manifest.image_shape

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The name of class 0, 1, ...; None where they are not known."""
        return self.manifest.class_names

    @property
    def n_classes(self) -> int:
        """How many class names there are, else columns of soft labels, else the largest label + 1.

        0 where there is none of these.
        """
        known = self._n_known_classes
        if known is not None:
            return known
        return 0 if self.labels is None else int(self.labels.max()) + 1

    @property
    def _n_known_classes(self) -> int | None:
        if self.class_names is not None:
            return len(self.class_names)
        return None if self.soft_labels is None else int(self.soft_labels.shape[1])

    @property
    def schedule(self) -> TrainingSchedule | None:
        """The steps in which to train on the dataset; None where it was not distilled."""
        return self.manifest.schedule

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the roles and digests of all arrays, and over the schedule if there is one.

        Equal content gives an equal fingerprint.
        """
        digest = hashlib.sha256()
        for role, entry in sorted(self.manifest.arrays.items()):
            digest.update(f"{role} {entry.sha256}\n".encode())
        if self.schedule is not None:
            text = json.dumps(encode(self.schedule), sort_keys=True)
            digest.update(f"schedule {text}\n".encode())
        return digest.hexdigest()


def open_dataset(path: str | os.PathLike[str]) -> Dataset:
    """Open a dataset folder without reading its images.

    Raises FileNotFoundError where `path` has no manifest, and ValueError where the manifest has
    changed, an array does not fit it, a label names no class or soft labels are no probabilities.
    The digests of the arrays are checked by `verify_dataset` alone.
    """
    return Dataset(path)


def verify_dataset(path: str | os.PathLike[str]) -> None:
    """Recompute the digest of every array; ValueError names the first file that differs."""
    dataset = open_dataset(path)
    for role, entry in dataset.manifest.arrays.items():
        dataset.array(role)
        actual = file_digest(dataset.path / entry.file)
        if actual != entry.sha256:
            raise ValueError(
                f"{dataset.path / entry.file} has changed since it was written: SHA-256 {actual}, "
                f"but the manifest says {entry.sha256}"
            )


@contextlib.contextmanager
def new_dataset_folder(out: str | os.PathLike[str], *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary folder, which becomes the dataset folder `out` if it can be opened.

    Every dataset folder is put in place here. Raises FileExistsError where `out` exists, unless
    `overwrite` is true and everything in it belongs to a dataset folder; ValueError where what was
    written is no dataset folder. In both cases `out` stays as it was.
    """
    with atomic_folder(out, overwrite=overwrite, foreign=foreign_to_dataset) as folder:
        yield folder
        open_dataset(folder)


class DatasetWriter:
    """Streams a dataset folder to disk in batches; it may be larger than memory.

    A context manager. A clean exit after exactly `n_samples` rows makes the folder `out` appear;
    anything else leaves nothing behind. Images are `image_dtype` (uint8 or float32), labels int64
    in 0..n_classes-1, soft labels float32, one column for each class. Either every batch has labels
    or none, and likewise soft labels. `provenance` says where the data come from: one of the types
    of thinset.data.provenance, or free JSON. `schedule` says in which steps to train, for distilled
    data.

    Raises ValueError where an argument or a batch does not fit, FileExistsError on entering where
    `out` exists, unless `overwrite` is true and everything in it belongs to a dataset folder.
    """

    def __init__(
        self,
        out: str | os.PathLike[str],
        *,
        name: str,
        image_shape: Sequence[int],
        image_dtype: str | np.dtype[Any],
        n_samples: int,
        class_names: Sequence[str] | None = None,
        provenance: Provenance | None = None,
        schedule: TrainingSchedule | None = None,
        overwrite: bool = False,
    ) -> None:
        self._image_dtype = np.dtype(image_dtype).newbyteorder("=")
        if self._image_dtype.name not in IMAGE_DTYPES:
            raise ValueError(f"image_dtype must be one of {IMAGE_DTYPES}, got {image_dtype}")
        self._image_shape = tuple(image_shape)
        self._n_samples = n_samples
        images = ArrayEntry(
            "images.npy", self._image_dtype.name, (n_samples, *self._image_shape), "0" * 64
        )
        self._manifest = Manifest(
            name=name,
            n_samples=n_samples,
            image_shape=self._image_shape,  # type: ignore[arg-type]  # checked just below
            arrays={"images": images},
            class_names=None if class_names is None else tuple(class_names),
            provenance=as_provenance(provenance),
            schedule=schedule,
        )
        self._manifest.content()  # what cannot be written is refused before the work
        self._n_classes = None if class_names is None else len(class_names)
        self._out = Path(out)
        self._overwrite = overwrite
        self._n_written = 0
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._folder = stack.enter_context(
                new_dataset_folder(self._out, overwrite=self._overwrite)
            )
            self._images = stack.enter_context(
                NpyFileWriter(
                    self._folder / "images.npy",
                    self._image_dtype,
                    (self._n_samples, *self._image_shape),
                )
            )
            self._labels: NpyFileWriter | None = None
            self._soft_labels: NpyFileWriter | None = None
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._resources.__exit__(kind, error, traceback)
            return
        with self._resources:
            self._finish()

    def append(
        self,
        images: np.ndarray[Any, Any],
        labels: np.ndarray[Any, Any] | None = None,
        soft_labels: np.ndarray[Any, Any] | None = None,
    ) -> None:
        """Add a batch, in order: images (B, height, width, channels), labels (B,) integers.

        `soft_labels`: (B, C) floating point; each row is at least 0 and sums to 1 within 0.001.
        """
        if self._n_written + len(images) > self._n_samples:
            raise ValueError(
                f"{self._out}: n_samples is {self._n_samples}, but rows up to "
                f"{self._n_written + len(images)} were appended"
            )
        for name, given, written in (
            ("labels", labels, self._labels),
            ("soft labels", soft_labels, self._soft_labels),
        ):
            if (given is None) != (written is None) and self._n_written > 0:
                raise ValueError(f"{self._out}: either every batch has {name} or none has")
        self._images.append(images)
        if soft_labels is not None:
            self._append_soft_labels(soft_labels, len(images))
        if labels is not None:
            self._append_labels(labels, len(images))
        self._n_written += len(images)

    def _append_soft_labels(self, soft_labels: np.ndarray[Any, Any], n_images: int) -> None:
        values = require_soft_labels(soft_labels, first_row=self._n_written)
        n_classes = values.shape[1] if self._n_classes is None else self._n_classes
        if values.shape != (n_images, n_classes):
            raise ValueError(
                f"soft_labels must have shape ({n_images}, {n_classes}), got {values.shape}"
            )
        self._n_classes = n_classes
        if self._soft_labels is None:
            self._soft_labels = self._resources.enter_context(
                NpyFileWriter(
                    self._folder / "soft_labels.npy", "float32", (self._n_samples, n_classes)
                )
            )
        self._soft_labels.append(values)

    def _append_labels(self, labels: np.ndarray[Any, Any], n_images: int) -> None:
        if labels.shape != (n_images,):
            raise ValueError(f"labels must have shape ({n_images},), got {labels.shape}")
        values = require_labels(labels, self._n_classes, first_row=self._n_written)
        if self._labels is None:
            self._labels = self._resources.enter_context(
                NpyFileWriter(self._folder / "labels.npy", "int64", (self._n_samples,))
            )
        self._labels.append(values)

    def _finish(self) -> None:
        if self._n_written != self._n_samples:
            raise ValueError(
                f"{self._out}: n_samples is {self._n_samples}, but only {self._n_written} rows "
                "were appended"
            )
        arrays = {"images": self._images.entry()}
        if self._labels is not None:
            arrays["labels"] = self._labels.entry()
        if self._soft_labels is not None:
            arrays["soft_labels"] = self._soft_labels.entry()
        msgspec.structs.replace(self._manifest, arrays=arrays).save(self._folder)
