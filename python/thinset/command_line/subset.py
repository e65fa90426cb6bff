"""thinset subset."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from thinset._core import open_npy
from thinset.command_line.arguments import optional, require_files
from thinset.command_line.columns import column_files, read_ids
from thinset.data import export_subset
from thinset.files.overlap import require_apart
from thinset.selection import Selection

Form = Annotated[
    Literal["dataset", "files", "paths", "parquet", "jsonl", "webdataset", "huggingface"] | None,
    tyro.conf.arg(
        name="as",
        metavar="dataset|files|paths|parquet|jsonl|webdataset|huggingface",
        help_behavior_hint="(default: that of DATA)",
    ),
]


@dataclass(frozen=True)
class Command:
    """Write the selected samples in the form that they came in.

    DATA is a dataset folder, a folder of images, .parquet, .jsonl or .tar files, a folder of these,
    or a Hugging Face dataset saved on disk. With --as files, a dataset folder stands for the image
    files that it was imported from; with --as parquet, for their rows.
    """

    selection: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SELECTION")]
    """a saved selection (.npz), a .npy file of row numbers, or a .txt file of ids, one a line"""
    data: Annotated[
        tyro.conf.Positional[tuple[Path, ...]],
        tyro.conf.arg(metavar="DATA...", help_behavior_hint="(required)"),
    ]
    """what was selected from; rows of several files are numbered through in the given order"""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="PATH")]
    """the new folder or file; parquet, JSON lines and tar become one file if it is named as one"""
    form: Form = None
    """form of the output; "paths" is a text file of the paths of the images"""
    link: Literal["copy", "hard", "symbolic"] = "copy"
    """put copies of image files there, or links to them"""
    split: str = "train"
    """split of DATA that the rows belong to"""
    other_splits: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """also put the image files of all other splits there"""
    ids: Annotated[Path | None, optional(metavar="FILE")] = None
    """ids of all samples that were selected from: a .npy file, a text file with one a line, or
    FILE.parquet:NAME"""
    id_column: Annotated[str | None, optional(metavar="NAME")] = None
    """column, or entry of JSON lines, that holds the ids"""
    by: Annotated[Literal["rows", "ids"] | None, optional(metavar="rows|ids")] = None
    """find samples by row number or by id; by default by id if there are any"""
    order: Annotated[Literal["file", "selection"] | None, optional(metavar="file|selection")] = None
    """order of the samples, by default the usual one of the form"""
    overwrite: bool = False
    """replace the output if it exists"""

    def run(self) -> None:
        require_files(self.data, "DATA")
        of_ids = [] if self.ids is None else column_files(self.ids, self.data)
        require_apart(self.out, self.selection, of_ids)
        written = export_subset(
            _read_selection(self.selection),
            self.data[0] if len(self.data) == 1 else list(self.data),
            self.out,
            form=self.form,
            split=self.split,
            ids=None if self.ids is None else read_ids(self.ids, self.data),
            by=self.by,
            id_column=self.id_column,
            order=self.order,
            link=self.link,
            other_splits=self.other_splits,
            overwrite=self.overwrite,
            show_progress=True,
        )
        print(f"{written.n_samples:,} samples: {written.path}")


def _read_selection(path: Path) -> Any:
    if path.suffix == ".npy":
        return open_npy(os.fsencode(path))
    return read_ids(path) if path.suffix == ".txt" else Selection.load(path)
