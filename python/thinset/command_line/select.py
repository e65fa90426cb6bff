"""thinset select."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from thinset._core import open_npy
from thinset.command_line.arguments import (
    Column,
    EmbeddingsFiles,
    Method,
    Metric,
    PerClass,
    Seed,
    Threads,
    optional,
    parse_count,
    require_files,
)
from thinset.command_line.columns import (
    column_files,
    read_column,
    read_numbers,
    read_rows,
    require_rows_of,
    writes_rows,
)
from thinset.command_line.usage import UsageError
from thinset.data import export_subset, open_dataset
from thinset.files.atomic import require_file_target
from thinset.files.overlap import require_apart
from thinset.selection import Selection, estimate, estimate_figures, select
from thinset.selection.choice import NAMES as CHOICE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FILES = (
    "labels", "initial_subset", "exclude", "among", "existing", "scores", "groups", "costs", "ids",
)  # fmt: skip
_METHOD_OPTIONS = (
    "mode", "refill", "drop_constant", "stratified", "n_iterations", "seeding", "max_swaps",
    "kernel", "bandwidth",
)  # fmt: skip
_READERS: dict[str, Callable[[Path, Sequence[Path]], Any]] = {
    "exclude": read_rows,
    "among": read_rows,
    "scores": read_numbers,
    "costs": read_numbers,
}


@dataclass(frozen=True)
class Command:
    """Choose rows of an array of embeddings and save them as a selection (.npz).

    A FILE with one entry per row may be FILE.parquet:NAME, a column, or :NAME, a column of the
    parquet files EMBEDDINGS.
    """

    embeddings: EmbeddingsFiles
    """(N, D) array of float16, float32 or float64: .npy, .safetensors, or a column of lists in
    .parquet or .arrow; several files are read as one array, in the given order"""
    n_samples: Annotated[str | None, optional(aliases=["-n"], metavar="K")] = None
    """number of rows to select: a count, or a fraction with a decimal point (0.1); may be left out
    with --budget or --min-distance"""
    out: Annotated[Path | None, optional(aliases=["-o"], metavar="FILE")] = None
    """file to write the selection to (.npz), or the selected rows of parquet files with all columns
    (.parquet); not needed with --dry-run"""
    column: Column = None
    """column of lists, or tensor, that holds the embeddings; needed if there are several"""
    method: Method = "topk"
    """selection method"""
    metric: Metric = "euclidean"
    """distance used by max_sum, max_min and facility_location"""
    labels: Annotated[Path | None, optional(metavar="PATH")] = None
    """class labels: N integers in a .npy file or a column, or the dataset folder they belong to"""
    per_class: Annotated[PerClass | None, optional(metavar="balanced|proportional")] = None
    """select within each class"""
    initial_subset: Annotated[Path | None, optional(metavar="FILE")] = None
    """rows that are already selected: a .npy file of integers, or a selection (.npz); they count
    towards K"""
    exclude: Annotated[Path | None, optional(metavar="FILE")] = None
    """rows that may not be chosen: row numbers, one boolean per row, or a selection (.npz)"""
    among: Annotated[Path | None, optional(metavar="FILE")] = None
    """the only rows that may be chosen"""
    cover: Annotated[Literal["all", "candidates"] | None, optional(metavar="all|candidates")] = None
    """facility_location, kmeans: represent all rows (the default), or those that may be chosen"""
    existing: Annotated[Path | None, optional(metavar="FILE.npy")] = None
    """(M, D) embeddings that are owned already: max_min, max_sum and facility_location start from
    them"""
    scores: Annotated[Path | None, optional(metavar="FILE")] = None
    """one number per row, higher is better"""
    score_weight: Annotated[float | None, optional(metavar="W")] = None
    """gains count times score^W, by default 1"""
    min_score: Annotated[float | None, optional(metavar="S")] = None
    """leave out rows with a lower score"""
    groups: Annotated[Path | None, optional(metavar="FILE")] = None
    """the group of each row, such as its video: a .npy file of integers or text, or lines of
    text"""
    max_per_group: Annotated[int | None, optional(metavar="N")] = None
    """at most so many rows of one group"""
    whole_groups: bool = False
    """all rows of a group or none; K is then an upper limit"""
    one_per_group_first: bool = False
    """one row of each group before a second one"""
    costs: Annotated[Path | None, optional(metavar="FILE")] = None
    """one positive number per row, such as tokens"""
    budget: Annotated[float | None, optional(metavar="B")] = None
    """the selected rows cost at most this"""
    min_distance: Annotated[float | None, optional(metavar="D")] = None
    """max_min: select until no row is further than this from the selected ones"""
    dedup_distance: Annotated[float | None, optional(metavar="D")] = None
    """leave out near-duplicates first: of rows at most this far apart, only the one with the
    highest score, or the first, may be selected"""
    ids: Annotated[Path | None, optional(metavar="FILE")] = None
    """the id of each row, saved with the selection: a .npy file of integers or text, or lines of
    text"""
    mode: Literal["max", "min", "abs"] = "max"
    """topk: which activations count as strong"""
    refill: bool = True
    """topk: fill up to exactly K rows; otherwise return the plain union, which may be smaller"""
    drop_constant: bool = False
    """topk: ignore columns with one value in every row"""
    stratified: bool = False
    """random: draw from every class in proportion to its size"""
    n_iterations: int = 10
    """kmeans: maximum number of Lloyd iterations"""
    seeding: Literal["kmeans++", "random"] = "kmeans++"
    """kmeans: how the initial centres are chosen"""
    max_swaps: int = 0
    """max_sum, max_min, facility_location: maximum number of exchanges that improve the choice"""
    kernel: Literal["distance", "gaussian", "cosine"] = "distance"
    """facility_location: minimise distances, or maximise Gaussian or cosine similarities"""
    bandwidth: Annotated[float | None, optional(metavar="FLOAT")] = None
    """facility_location with --kernel gaussian: by default the median distance of a sample"""
    engine: Annotated[
        Literal["local", "ray", "torch"] | None, optional(metavar="local|ray|torch")
    ] = None
    """select over shards, by several workers: in this process, as Ray actors, or in the ranks that
    torchrun starts; EMBEDDINGS may be patterns in quotes"""
    workers: Annotated[int | None, optional(metavar="N")] = None
    """with --engine: how many workers, each with an equal share of the rows"""
    rounds: Annotated[Literal[2] | None, optional(metavar="2")] = None
    """with --engine: approximate max_min, max_sum and facility_location in two rounds"""
    coreset_size: Annotated[int | None, optional(metavar="K")] = None
    """with --rounds 2: how many rows each worker offers, by default as many as are selected"""
    folder: Annotated[Path | None, optional(metavar="DIR")] = None
    """with --engine: keep checkpoints and a manifest of the shards; the same command resumes"""
    table: Annotated[Path | None, optional(metavar="FILE.parquet")] = None
    """with --engine: also write order, row, gain and id of each selected row as parquet"""
    seed: Seed = 0
    """seed of kmeans and random"""
    threads: Threads = None
    """number of threads, by default one per processor; the result is the same for any number"""
    max_memory: Annotated[str | None, optional(metavar="BYTES")] = None
    """refuse work that may need more memory than this, such as 512MB"""
    objective: bool = False
    """also compute sum and minimum of the pairwise distances and the covering radius; with
    --dry-run, predict the time"""
    certificates: bool = False
    """also compute bounds on how far these are from the best possible; with --dry-run, predict
    the time"""
    dry_run: bool = False
    """print an estimate of memory and time without selecting"""

    def run(self) -> None:
        require_files(self.embeddings, "EMBEDDINGS")
        if self.engine is not None:
            from thinset.command_line.select_shards import require_applicable

            require_applicable(self)
        elif self.workers or self.rounds or self.coreset_size or self.folder or self.table:
            raise UsageError(
                "--workers, --rounds, --coreset-size, --folder and --table need --engine"
            )
        else:
            _require_no_pattern(self.embeddings)
        if self.out is None and not self.dry_run:
            raise UsageError("select needs -o FILE, or --dry-run")
        if self.out is not None and not self.dry_run:
            # Checked before the work, which may take minutes.
            given = [getattr(self, name) for name in _FILES]
            files = [column_files(path, self.embeddings) for path in given if path is not None]
            require_apart(self.out, self.embeddings, *files)
            require_file_target(self.out)
            require_rows_of(self.embeddings, self.out)
        if self.labels is not None and self.per_class is None and not self.stratified:
            raise ValueError("--labels needs --per-class, or --stratified with the method random")
        # Options at their default are not passed on: they may belong to another method.
        options: dict[str, Any] = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name in _METHOD_OPTIONS and getattr(self, field.name) != field.default
        }
        if self.engine is not None and not self.dry_run:
            from thinset.command_line.select_shards import select_shards

            select_shards(self, options)
            return
        options |= {
            "labels": None if self.labels is None else _labels(self.labels, self.embeddings),
            "per_class": self.per_class,
            "metric": self.metric,
            "n_threads": self.threads,
            "column": self.column,
        }
        n_samples = None if self.n_samples is None else parse_count(self.n_samples)
        if n_samples is None and self.budget is None and self.min_distance is None:
            raise UsageError("select needs --n-samples K, --budget B or --min-distance D")
        # A single file is not a list of shards, so messages need no shard number.
        embeddings: object = self.embeddings[0] if len(self.embeddings) == 1 else self.embeddings
        if self.out is None or self.dry_run:
            if n_samples is None:
                raise UsageError("--dry-run needs --n-samples K, which the cost depends on")
            if self.engine is not None:
                from thinset.distributed import files_of

                embeddings = files_of(list(self.embeddings))
                options = {name: value for name, value in options.items() if value is not None}
                options |= {"workers": self.workers or 1, "rounds": self.rounds}
                options |= {"coreset_size": self.coreset_size}
            print(estimate(embeddings, n_samples, self.method, **options).describe())
            not_counted = [
                name
                for name in ("initial_subset", *CHOICE, "dedup_distance", "ids")
                if self._gives(name)
            ]
            if not_counted:
                words = ", ".join(f"--{name.replace('_', '-')}" for name in not_counted)
                print(f"not counted: {words}")
            if self.objective or self.certificates:
                predicted = estimate_figures(
                    embeddings,
                    n_samples,
                    metric=self.metric,
                    n_threads=self.threads,
                    column=self.column,
                    method=self.method,
                )
                print(predicted.describe())
            return
        selection = select(
            embeddings,
            n_samples,
            self.method,
            random_state=self.seed,
            initial_subset=None
            if self.initial_subset is None
            else read_rows(self.initial_subset, self.embeddings),
            ids=None if self.ids is None else read_column(self.ids, self.embeddings),
            **self._terms(),
            dedup_distance=self.dedup_distance,
            max_memory=self.max_memory,
            progress=True,
            **options,
        )
        writes_columns = writes_rows(self.out)
        if writes_columns:
            export_subset(
                selection, self.embeddings, self.out, by="rows", overwrite=True, show_progress=True
            )
        else:
            # The figures may take much longer than the selection: save the selection first.
            selection.save(self.out)
        figures = self._compute_figures(selection, embeddings)
        if figures and not writes_columns:
            selection.save(self.out)
        for name, value in figures.items():
            print(f"{name}: {value:.6g}")
        print(f"{selection!r}: {self.out}")

    def _gives(self, name: str) -> bool:
        value = getattr(self, name)
        return value is not None and value is not False

    def _terms(self) -> dict[str, Any]:
        """What restricts and weighs the choice, with its files opened."""
        given = {name: getattr(self, name) for name in CHOICE if getattr(self, name) is not None}
        return {
            name: (
                _READERS.get(name, read_column)(value, self.embeddings)
                if isinstance(value, Path) and name != "existing"
                else value
            )
            for name, value in given.items()
        }

    def _compute_figures(self, selection: Selection, embeddings: object) -> dict[str, float]:
        figures: dict[str, float] = {}
        if len(selection) == 0:
            return figures
        for wanted, compute in (
            (self.objective, selection.objective_from),
            (self.certificates, selection.certificates_from),
        ):
            if wanted:
                figures |= compute(embeddings, n_threads=self.threads, progress=True)
        return figures


def _require_no_pattern(files: Sequence[Path]) -> None:
    """Raise UsageError for a pattern that the shell did not expand."""
    for file in files:
        if set("*?[") & set(str(file)) and not file.exists():
            raise UsageError(
                f"no file is named '{file}'; leave a pattern to the shell, without quotes, or add "
                "--engine local"
            )


def _labels(path: Path, embeddings: Sequence[Path]) -> np.ndarray[Any, Any]:
    if not path.is_dir():
        is_column = column_files(path, embeddings) != [path]
        return read_column(path, embeddings) if is_column else open_npy(str(path))
    labels = open_dataset(path).labels
    if labels is None:
        raise ValueError(f"the dataset {path} has no labels")
    return labels
