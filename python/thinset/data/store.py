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

import numpy as np

from thinset.data.labels import require_stored_labels
from thinset.data.manifest import Manifest
from thinset.data.npy_file import file_digest, open_npy
from thinset.data.replaceable import foreign_to_dataset
from thinset.data.soft_labels import require_stored_soft_labels
from thinset.files.atomic import atomic_folder
from thinset.files.decoding import encode

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

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

        Raises KeyError if the manifest does not name it, and ValueError if the file is not
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

    Raises FileNotFoundError if `path` has no manifest, and ValueError if the manifest has
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

    Every dataset folder is put in place here. Raises FileExistsError if `out` exists, unless
    `overwrite` is true and everything in it belongs to a dataset folder; ValueError if what was
    written is no dataset folder. In both cases `out` stays as it was.
    """
    with atomic_folder(out, overwrite=overwrite, foreign=foreign_to_dataset) as folder:
        yield folder
        open_dataset(folder)
