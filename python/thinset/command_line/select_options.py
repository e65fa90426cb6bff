"""The options of thinset select."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from thinset.command_line.arguments import (
    Column,
    EmbeddingsFiles,
    Method,
    Metric,
    PerClass,
    Seed,
    Threads,
    optional,
)


@dataclass(frozen=True)
class SelectOptions:
    """What to select from, how, and on what terms."""

    embeddings: EmbeddingsFiles
    """(N, D) array of float16, float32 or float64: .npy, .safetensors, or a column of lists in
    .parquet or .arrow; several files are read as one array, in the given order"""
    n_samples: Annotated[str | None, optional(aliases=["-n"], metavar="K")] = None
    """number of rows to select: a count, or a fraction of all rows (0.1), those that are left out
    included; may be omitted with --budget or --min-distance"""
    out: Annotated[Path | None, optional(aliases=["-o"], metavar="FILE")] = None
    """file to write the selection to (.npz), or the selected rows of parquet files with all columns
    (.parquet); with --dry-run only checked, and not needed"""
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
    existing: Annotated[Path | None, optional(metavar="FILE")] = None
    """(M, D) embeddings that are owned already: max_min, max_sum and facility_location start from
    them; FILE.parquet:NAME is another column than --column"""
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
    """print an estimate of memory and time without selecting; with --engine, a sample of the rows
    is selected from"""
