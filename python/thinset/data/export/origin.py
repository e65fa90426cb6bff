"""The files that a dataset folder was imported from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from thinset.data.provenance import ImportedFrom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.data.export.chosen import Rows
    from thinset.data.store import Dataset


class Imported(NamedTuple):
    """A dataset folder that was imported. left_out: samples of the source that it does not have."""

    path: Path
    n_samples: int
    labels: np.ndarray[Any, np.dtype[np.int64]] | None
    left_out: tuple[int, ...]

    def kept(self, n_source: int, labels: Sequence[int | None] | None = None) -> Rows:
        """The sample of the source that each row of the dataset is.

        n_source: the samples that the source has now. labels: theirs, if they are known.

        Raises ValueError if the source has changed since.
        """
        rows = np.delete(np.arange(n_source), [row for row in self.left_out if row < n_source])
        reason = ""
        if len(rows) != self.n_samples:
            reason = f"it has {n_source:,} samples, {self.n_samples + len(self.left_out):,} then"
        elif labels is not None and self.labels is not None and None not in labels:
            differ = np.asarray(labels)[rows] != self.labels
            if differ.any():
                reason = f"row {int(np.argmax(differ))} has another class"
        if reason:
            raise ValueError(
                f"the source of {self.path} has changed since it was imported: {reason}; import it "
                "again, or give the original files and the ids of the samples"
            )
        return rows


class Origin(NamedTuple):
    """kind: of SOURCES."""

    kind: str
    path: Path
    split: str
    imported: Imported


def origin_of(dataset: Dataset) -> Origin:
    """Where `thinset data import` read this dataset.

    Raises ValueError if it was made in another way, or if its source is gone.
    """
    read = dataset.manifest.provenance
    advice = (
        "give the original files themselves, with the ids of the samples if they were reordered"
    )
    if not isinstance(read, ImportedFrom) or read.path is None or read.split is None:
        raise ValueError(f"{dataset.path} does not say which files its samples come from; {advice}")
    path = Path(read.path)
    if not path.exists():
        raise ValueError(
            f"{dataset.path} was imported from {path}, which is not there; {advice}"
            + ("" if path.is_absolute() else ", or run this from the folder of the import")
        )
    imported = Imported(dataset.path, len(dataset), dataset.labels, read.left_out)
    return Origin(read.source, path, read.split, imported)
