"""Writing a dataset folder batch by batch."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from thinset.data.labels import require_labels
from thinset.data.manifest import ArrayEntry, Manifest, require_plain_file_name
from thinset.data.npy_file import NpyFileWriter
from thinset.data.provenance import Provenance, as_provenance
from thinset.data.soft_labels import require_soft_labels
from thinset.data.store import new_dataset_folder
from thinset.data.writer_arguments import (
    as_class_names,
    as_image_dtype,
    as_image_shape,
    as_n_samples,
    require_array,
    require_name,
    require_provenance,
    require_schedule,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    import numpy as np
    from typing_extensions import Self

    from thinset.data.schedule import TrainingSchedule


class DatasetWriter:
    """Streams a dataset folder to disk in batches; it may be larger than memory.

    A context manager. A clean exit after exactly `n_samples` rows makes the folder `out` appear;
    anything else leaves nothing behind. Images are `image_dtype` (uint8 or float32), labels int64
    in 0..n_classes-1, soft labels float32, one column for each class. Either every batch has labels
    or none, and likewise soft labels. `provenance` says where the data come from: one of the types
    of thinset.data.provenance, or free JSON. `schedule` says in which steps to train, for distilled
    data.

    Raises ValueError if an argument or a batch does not fit or has another type, FileExistsError
    on entering where `out` exists, unless `overwrite` is true and everything in it belongs to a
    dataset folder.
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
        self._image_dtype = as_image_dtype(image_dtype)
        self._image_shape = as_image_shape(image_shape)
        self._n_samples = as_n_samples(n_samples)
        names = as_class_names(class_names)
        require_name(name)
        require_provenance(provenance)
        require_schedule(schedule)
        images = ArrayEntry(
            "images.npy", self._image_dtype.name, (self._n_samples, *self._image_shape), "0" * 64
        )
        self._manifest = Manifest(
            name=name,
            n_samples=self._n_samples,
            image_shape=self._image_shape,
            arrays={"images": images},
            class_names=names,
            provenance=as_provenance(provenance),
            schedule=schedule,
        )
        self._manifest.content()  # what cannot be written is refused before the work
        self._n_classes = None if names is None else len(names)
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
            self._others: dict[str, ArrayEntry] = {}
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
        self._require_entered()
        require_array("images", images, "B, height, width, channels")
        if labels is not None:
            require_array("labels", labels, "B,")
        if soft_labels is not None:
            require_array("soft_labels", soft_labels, "B, C")
        if images.ndim != 4:
            raise ValueError(
                f"images must have shape (B, height, width, channels), got shape {images.shape}"
            )
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

    def add(self, role: str, array: np.ndarray[Any, Any]) -> None:
        """Store a further array of any shape as ROLE.npy; once for each role.

        Raises ValueError for a role that is taken or no file name, and for Python objects.
        """
        self._require_entered()
        require_plain_file_name("role", role)
        require_array(role, array, "...")
        if array.dtype.hasobject:
            raise ValueError(f"{role} must hold plain numbers or texts, got {array.dtype}")
        if role in ("images", "labels", "soft_labels", *self._others):
            raise ValueError(f"{self._out}: the role {role!r} is taken")
        with NpyFileWriter(self._folder / f"{role}.npy", array.dtype, array.shape) as writer:
            writer.append(array)
            self._others[role] = writer.entry()

    def _require_entered(self) -> None:
        if not hasattr(self, "_folder"):
            raise RuntimeError(
                "DatasetWriter writes inside a with statement: with DatasetWriter(...) as writer"
            )

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
        arrays |= self._others
        msgspec.structs.replace(self._manifest, arrays=arrays).save(self._folder)
