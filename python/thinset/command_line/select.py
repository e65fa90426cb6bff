"""thinset select."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from thinset._core import open_npy
from thinset.command_line.arguments import (
    Count,
    Method,
    Metric,
    PerClass,
    Seed,
    optional,
    parse_count,
)
from thinset.command_line.usage import UsageError
from thinset.data import open_dataset
from thinset.files.atomic import require_file_target
from thinset.files.overlap import require_apart
from thinset.selection import Selection, estimate, estimate_figures, select

_METHOD_OPTIONS = (
    "mode", "refill", "drop_constant", "stratified", "n_iterations", "seeding", "max_swaps",
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """Choose rows of an array of embeddings and save them as a selection (.npz)."""

    embeddings: Annotated[
        tyro.conf.Positional[tuple[Path, ...]],
        tyro.conf.arg(metavar="EMBEDDINGS...", help_behavior_hint="(required)"),
    ]
    """(N, D) array of float16, float32 or float64: .npy, .safetensors, or a column of lists in
    .parquet or .arrow; several files are read as one array, in the given order"""
    n_samples: Count
    """number of rows to select: a count, or a fraction with a decimal point (0.1)"""
    out: Annotated[Path | None, optional(aliases=["-o"], metavar="FILE")] = None
    """file to write the selection to (.npz); not needed with --dry-run"""
    column: Annotated[str | None, optional(metavar="NAME")] = None
    """column of lists, or tensor, that holds the embeddings; needed if there are several"""
    method: Method = "topk"
    """selection method"""
    metric: Metric = "euclidean"
    """distance used by max_sum, max_min and facility_location"""
    labels: Annotated[Path | None, optional(metavar="PATH")] = None
    """class labels: a .npy file of N integers, or the dataset folder they belong to"""
    per_class: Annotated[PerClass | None, optional(metavar="balanced|proportional")] = None
    """select within each class"""
    initial_subset: Annotated[Path | None, optional(metavar="FILE.npy")] = None
    """rows that are already selected: a .npy file of integers; they count towards K"""
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
    """max_sum: maximum number of exchanges that improve the greedy choice"""
    seed: Seed = 0
    """seed of kmeans and random"""
    threads: Annotated[int | None, optional(metavar="INT")] = None
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
        if self.out is None and not self.dry_run:
            raise UsageError("select needs -o FILE, or --dry-run")
        if self.out is not None and not self.dry_run:
            # Checked before the work, which may take minutes.
            require_apart(self.out, self.embeddings, self.labels, self.initial_subset)
            require_file_target(self.out)
        if self.labels is not None and self.per_class is None and not self.stratified:
            raise ValueError("--labels needs --per-class, or --stratified with the method random")
        # Options at their default are not passed on: they may belong to another method.
        options: dict[str, Any] = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name in _METHOD_OPTIONS and getattr(self, field.name) != field.default
        }
        options |= {
            "labels": None if self.labels is None else _labels(self.labels),
            "per_class": self.per_class,
            "metric": self.metric,
            "n_threads": self.threads,
            "column": self.column,
        }
        n_samples = parse_count(self.n_samples)
        # A single file is not a list of shards, so messages need no shard number.
        embeddings = self.embeddings[0] if len(self.embeddings) == 1 else self.embeddings
        if self.out is None or self.dry_run:
            print(estimate(embeddings, n_samples, self.method, **options).describe())
            if self.objective or self.certificates:
                predicted = estimate_figures(
                    embeddings,
                    n_samples,
                    metric=self.metric,
                    n_threads=self.threads,
                    column=self.column,
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
            else open_npy(str(self.initial_subset)),
            max_memory=self.max_memory,
            progress=True,
            **options,
        )
        # The figures may take much longer than the selection: save the selection first.
        selection.save(self.out)
        figures = self._compute_figures(selection, embeddings)
        if figures:
            selection.save(self.out)
        for name, value in figures.items():
            print(f"{name}: {value:.6g}")
        print(f"{selection!r}: {self.out}")

    def _compute_figures(self, selection: Selection, embeddings: object) -> dict[str, float]:
        figures: dict[str, float] = {}
        for wanted, compute in (
            (self.objective, selection.objective_from),
            (self.certificates, selection.certificates_from),
        ):
            if wanted:
                figures |= compute(embeddings, n_threads=self.threads, progress=True)
        return figures


def _labels(path: Path) -> np.ndarray[Any, Any]:
    if not path.is_dir():
        return open_npy(str(path))
    labels = open_dataset(path).labels
    if labels is None:
        raise ValueError(f"the dataset {path} has no labels")
    return labels
