"""thinset show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from thinset._core import open_npy
from thinset.command_line.arguments import Column, OutputFile, Threads, optional, typed_again
from thinset.command_line.columns import column_files, read_column, read_ids, read_rows
from thinset.command_line.usage import UsageError
from thinset.files.atomic import require_file_target
from thinset.files.overlap import require_apart
from thinset.selection import Selection

if TYPE_CHECKING:
    from thinset.experiments.showing import Shown

_SHOWN = ("data", "embeddings", "map", "texts")


@dataclass(frozen=True)
class Command:
    """Write a page to look at a selection with: one HTML file that needs no network.

    The page has a map of the embeddings, the contact sheet in selection order, the nearest kept
    sample of each dropped one, near-duplicates as stacks, and, with --against, what two selections
    share. A FILE with one entry per sample is a .npy file, lines of text, or FILE.parquet:NAME.
    """

    selection: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SELECTION")]
    """a saved selection (.npz), or a .npy file of row numbers in selection order"""
    out: OutputFile
    """the HTML file to write"""
    data: Annotated[str | None, optional(metavar="DIR")] = None
    """images that were selected from: a dataset folder, or a source that data import reads"""
    split: str = "train"
    """split of a source that the rows belong to"""
    embeddings: Annotated[tuple[Path, ...], optional(metavar="FILE...")] = ()
    """embeddings that the selection was made from, as for select; the map is their plane of
    principal components, and distances are between them"""
    column: Column = None
    """column of lists, or tensor, that holds the embeddings; needed if there are several"""
    map: Annotated[Path | None, optional(metavar="FILE.npy")] = None
    """(N, 2) array to draw the map from, such as UMAP coordinates, in place of principal
    components"""
    against: Annotated[Path | None, optional(metavar="OTHER")] = None
    """another selection from the same samples, to compare with"""
    dedup_distance: Annotated[float | None, optional(metavar="D")] = None
    """show samples at most this far apart as stacks; by default as in the selection"""
    texts: Annotated[Path | None, optional(metavar="FILE")] = None
    """the text of each sample, shown in place of an image"""
    labels: Annotated[Path | None, optional(metavar="FILE")] = None
    """the class of each sample, integers or texts; by default those of DIR"""
    ids: Annotated[Path | None, optional(metavar="FILE")] = None
    """the id of each sample; by default the paths of image files"""
    threads: Threads = None
    """number of threads, by default one per processor; the result is the same for any number"""
    overwrite: bool = False
    """replace the output if it exists"""

    def run(self) -> None:
        if not any(getattr(self, name) for name in _SHOWN):
            raise UsageError("show needs --data DIR, --texts FILE, --embeddings FILE or --map FILE")
        self._refuse_what_does_not_apply()
        if self.dedup_distance is not None and not 0 <= self.dedup_distance < math.inf:
            raise ValueError(
                f"--dedup-distance must be finite and at least 0, got {self.dedup_distance}"
            )
        columns = [
            file
            for path in (self.texts, self.labels, self.ids)
            if path is not None
            for file in column_files(path, self.embeddings)
        ]
        require_file_target(self.out)
        require_apart(
            self.out, self.selection, self.against, self.embeddings, self.map, self.data, columns
        )
        from thinset.experiments.showing import ShowSettings, require_new, show
        from thinset.experiments.shown_samples import read_samples
        from thinset.report import require_report_extra

        require_report_extra()
        require_new(self.out, overwrite=self.overwrite)
        names = _names(self.selection, self.against)
        # A single file is not a list of shards, so messages need no shard number.
        embeddings = self.embeddings[0] if len(self.embeddings) == 1 else self.embeddings
        settings = ShowSettings(
            embeddings=embeddings or None,
            column=self.column,
            coordinates=None if self.map is None else open_npy(str(self.map)),
            texts=None if self.texts is None else _texts(self.texts, self.embeddings),
            labels=None if self.labels is None else read_column(self.labels, self.embeddings),
            ids=None if self.ids is None else read_ids(self.ids, self.embeddings),
            against=None if self.against is None else _read(self.against, names[1]),
            stack_distance=self.dedup_distance,
            n_threads=self.threads,
            command=typed_again("show", self, "selection"),
        )
        samples = None if self.data is None else read_samples(self.data, split=self.split)
        written = show(
            _read(self.selection, names[0]),
            samples,
            settings,
            self.out,
            overwrite=self.overwrite,
            show_progress=True,
        )
        print(f"page: {written} ({written.stat().st_size / 1e6:.1f} MB)")

    def _refuse_what_does_not_apply(self) -> None:
        if not self.embeddings:
            for name in ("column", "dedup_distance"):
                if getattr(self, name) is not None:
                    raise UsageError(f"--{name.replace('_', '-')} needs --embeddings FILE")
        if self.data is None and self.split != "train":
            raise UsageError("--split needs --data DIR")


def _names(first: Path, second: Path | None) -> tuple[str, str]:
    """What the page calls both selections: file names, with folders where they would be equal."""
    if second is None or first.stem != second.stem:
        return first.stem, "" if second is None else second.stem
    paths = first.absolute(), second.absolute()
    if first.suffix != second.suffix:
        return first.name, second.name
    for depth in range(2, max(len(path.parts) for path in paths) + 1):
        one, other = ("/".join(path.with_suffix("").parts[-depth:]) for path in paths)
        if one != other:
            return one, other
    raise UsageError(f"--against must be another selection than SELECTION, got {second} twice")


def _read(path: Path, name: str) -> Shown:
    from thinset.experiments.showing import Shown

    chosen = read_rows(path)
    if isinstance(chosen, Selection):
        return Shown.of(chosen, name)
    if chosen.ndim != 1:
        raise ValueError(
            f"{path} must hold row numbers, or a mask, in one dimension, got shape {chosen.shape}"
        )
    if chosen.dtype.kind == "b":
        return Shown(name, np.flatnonzero(chosen), len(chosen))
    too_large = chosen > np.iinfo(np.int64).max
    if too_large.any():
        place = int(too_large.argmax())
        raise ValueError(
            f"{path}: row numbers must be below 2**63, got {chosen[place]} at position {place}"
        )
    return Shown(name, np.asarray(chosen, np.int64))


def _texts(path: Path, embeddings: tuple[Path, ...]) -> list[str]:
    column = read_column(path, embeddings)
    if column.ndim != 1 or column.dtype.kind not in "US":
        raise ValueError(
            f"{path} must hold texts in one dimension, got {column.dtype} of shape {column.shape}"
        )
    return [text.decode() if isinstance(text, bytes) else text for text in column.tolist()]
