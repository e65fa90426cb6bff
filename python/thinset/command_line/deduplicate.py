"""thinset deduplicate."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from thinset.command_line.arguments import (
    Column,
    EmbeddingsFiles,
    Metric,
    Threads,
    optional,
    require_files,
)
from thinset.command_line.columns import (
    column_files,
    read_numbers,
    require_rows_of,
    vectors_in,
    writes_rows,
)
from thinset.command_line.usage import UsageError
from thinset.data import export_subset
from thinset.files.atomic import atomic_file, require_file_target
from thinset.files.overlap import require_apart
from thinset.selection import deduplicate


@dataclass(frozen=True)
class Command:
    """Find near-duplicates, and write the rows that remain with one of each group.

    Rows at most D apart are linked; rows that a chain of links connects are one group. A FILE with
    one entry per row may be FILE.parquet:NAME, a column, or :NAME, a column of the parquet files
    EMBEDDINGS.
    """

    embeddings: EmbeddingsFiles
    """(N, D) array of float16, float32 or float64: .npy, .safetensors, or a column of lists in
    .parquet or .arrow; several files are read as one array, in the given order"""
    distance: Annotated[float, tyro.conf.arg(aliases=["-d"], metavar="D")]
    """rows at most this far apart are near-duplicates; 0 finds equal rows"""
    out: Annotated[Path | None, optional(aliases=["-o"], metavar="FILE")] = None
    """file to write the remaining rows to: their numbers (.npy), for select --among or subset, or
    the rows of parquet files with all columns (.parquet); without it, only count"""
    column: Column = None
    """column of lists, or tensor, that holds the embeddings; needed if there are several"""
    metric: Metric = "euclidean"
    """distance between rows"""
    keep: Annotated[Path | None, optional(metavar="FILE")] = None
    """one number per row: keep the row of each group where it is highest, instead of the first"""
    against: Annotated[Path | None, optional(metavar="FILE")] = None
    """(M, D) embeddings of other samples, such as a test set: rows near one of them do not
    remain; FILE.parquet:NAME is another column than --column"""
    threads: Threads = None
    """number of threads, by default one per processor; the result is the same for any number"""

    def run(self) -> None:
        require_files(self.embeddings, "EMBEDDINGS")
        against: list[Path] = []
        against_column = None
        if self.against is not None:
            against, against_column = vectors_in(self.against, self.embeddings)
        if self.out is not None:
            require_file_target(self.out)
            if not writes_rows(self.out) and self.out.suffix.lower() != ".npy":
                raise UsageError(f"--out must end in .npy or .parquet, got {self.out}")
            files = [] if self.keep is None else column_files(self.keep, self.embeddings)
            require_apart(self.out, self.embeddings, files, against)
            require_rows_of(self.embeddings, self.out)
        found = deduplicate(
            self.embeddings[0] if len(self.embeddings) == 1 else self.embeddings,
            self.distance,
            keep=None if self.keep is None else read_numbers(self.keep, self.embeddings),
            against=against[0] if len(against) == 1 else against or None,
            against_column=against_column,
            metric=self.metric,
            n_threads=self.threads,
            progress=True,
            column=self.column,
        )
        rows = found.representatives
        largest = np.bincount(found.groups).max()
        print(f"groups: {len(found):,} of {len(found.groups):,} rows, up to {largest:,} in one")
        if self.against is not None:
            print(f"rows near one of {self.against}: {len(found.matched):,}")
        print(f"rows that remain: {len(rows):,}")
        if self.out is not None:
            self._write(rows, self.out)
            print(self.out)

    def _write(self, rows: np.ndarray, out: Path) -> None:
        if len(rows) == 0:
            raise ValueError(f"no row remains, so {out} was not written; lower --distance")
        if writes_rows(out):
            export_subset(rows, self.embeddings, out, by="rows", overwrite=True, show_progress=True)
            return
        content = io.BytesIO()
        np.save(content, rows)
        with atomic_file(out) as partial:
            partial.write_bytes(content.getbuffer())
