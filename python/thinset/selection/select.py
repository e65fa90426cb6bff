"""The entry to every selection method."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from thinset.files.overlap import Inputs
from thinset.selection.arguments import (
    as_bytes,
    as_count,
    as_metric,
    as_per_class,
    as_seed,
    as_threads,
)
from thinset.selection.integer_input import as_labels, as_row_numbers
from thinset.selection.matrix_input import as_matrix, bytes_copied
from thinset.selection.measuring import Subset
from thinset.selection.methods import resolve_options
from thinset.selection.reporting import progress_callback
from thinset.selection.result import Selection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from thinset.selection.reporting import Progress


class ConstantColumnsWarning(UserWarning):
    """A top-k selection uses embedding elements with one value in every row."""


def select(
    embeddings: object,
    n_samples: float,
    method: str = "topk",
    *,
    labels: ArrayLike | None = None,
    per_class: bool | str | None = None,
    metric: str = "euclidean",
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
    initial_subset: ArrayLike | Selection | None = None,
    max_memory: int | str | None = None,
    progress: Progress = None,
    column: object = None,
    **method_options: Any,
) -> Selection:
    """Choose `n_samples` rows of an embedding matrix.

    The result is exact and deterministic: the same input and `random_state` give the same indices
    for every number of threads, in memory or memory-mapped. All arithmetic is float64; ties go to
    the lower row.

    Parameters
    ----------
    embeddings: (N, D), float16, bfloat16, float32 or float64, finite: an ndarray, memmap, torch
        tensor, anything with DLPack or the buffer protocol, or a path to a .npy file. Rows are read
        where they are; the matrix is not copied. A list of these is one matrix in shards; row
        numbers run through the shards in the given order. Columns of lists in Arrow tables and
        polars frames, and tensors in .safetensors files, are read in place as well; those of
        .parquet files are decoded into a temporary file. Tensors on another device, data frames of
        numbers (pandas, polars, pyarrow) and lists of rows of numbers are copied to host memory.
    n_samples: how many rows: an int in [1, N], or a float fraction in (0, 1], rounded to the
        nearest count.
    method: one of `thinset.methods()`.
    labels: (N,) integers or booleans. Used by `per_class`, and by `random` with `stratified=True`.
    per_class: choose within each class: "balanced" (or True) gives all classes equal budgets,
        "proportional" gives budgets in proportion to class size.
    metric: "euclidean", "sqeuclidean" or "cosine": distances of max_sum, max_min,
        facility_location and `objective`.
    random_state: seed in [0, 2**64), a Generator to draw one from, or None for a fresh one;
        `params` holds the seed used. Only kmeans and random use it.
    n_threads: at most 1,024; by default every available processor.
    initial_subset: rows already chosen, or a `Selection` to grow; they come first (within their
        class with `per_class`) and count towards `n_samples`.
    max_memory: bytes, or text such as "512MB": the work is refused if it may take more than this
        beyond the embeddings.
    progress: True shows a bar, and one for each figure that is computed later; a callable receives
        (done, total) about every 50 ms.
    column: the column of lists of numbers in a parquet or Arrow file, table or frame, or the tensor
        in a safetensors file; needed only if there are several.
    method_options: options of the method; see its options class in `thinset.selection`.

    Raises
    ------
    ValueError: a constraint is broken; the message states it and the value. OSError: a path cannot
        be read. KeyboardInterrupt: within 0.2 s of Ctrl-C.
    """
    options = resolve_options(method, method_options)
    matrix = as_matrix(embeddings, column)
    n_total, n_columns = matrix.shape
    settings: dict[str, Any] = {
        "metric": as_metric(metric),
        "per_class": as_per_class(per_class),
        "random_state": as_seed(random_state),
        **options,
    }
    n_chosen = as_count(n_samples, n_total)
    if isinstance(initial_subset, Selection):
        initial_subset = initial_subset.indices
    initial = None
    if initial_subset is not None:
        initial = as_row_numbers(initial_subset, "initial_subset")
    threads = as_threads(n_threads)
    memory = _memory_beside_copies(as_bytes(max_memory), bytes_copied(embeddings))
    with progress_callback(progress, f"select {method}") as callback:
        chosen = matrix.choose(
            n_chosen,
            method=method,
            metric=settings["metric"],
            labels=as_labels(labels, n_total),
            per_class=settings["per_class"],
            initial_subset=initial,
            seed=settings["random_state"],
            n_threads=threads,
            max_memory=memory,
            progress=callback,
            **options,
        )
    if chosen.constant_columns.size and not options.get("drop_constant", False):
        message = _constant_columns_message(chosen.constant_columns)
        warnings.warn(message, ConstantColumnsWarning, 2)
    subset = Subset(matrix, chosen.indices, settings["metric"], threads)
    objective, certificates = subset.figures_on_demand(progress)
    return Selection(
        chosen.indices,
        chosen.gains,
        n_total,
        method,
        {
            "n_samples": n_chosen,
            **settings,
            "n_initial": 0 if initial is None else len(initial),
            "dtype": matrix.dtype_name,
            "n_columns": n_columns,
            **({} if column is None else {"column": str(column)}),
            **_swaps_made(options, chosen.swaps),
        },
        constant_columns=tuple(chosen.constant_columns.tolist()),
        objective=objective,
        certificates=certificates,
        inputs=Inputs(embeddings, getattr(matrix, "values", None), labels, initial_subset),
    )


def _memory_beside_copies(max_memory: int, n_copied: int) -> int:
    """The memory that remains for the core, where 0 means no limit."""
    if max_memory == 0:
        return 0
    if max_memory <= n_copied:
        raise ValueError(
            f"max_memory must be more than the {n_copied:,} bytes of the tensor's copy in host "
            f"memory, got {max_memory:,} bytes"
        )
    return max_memory - n_copied


def _swaps_made(options: dict[str, Any], swaps: NDArray[np.float64]) -> dict[str, Any]:
    if not options.get("max_swaps", 0):
        return {}
    return {"n_swaps": len(swaps), "gained_by_swaps": float(swaps.sum())}


def _constant_columns_message(columns: NDArray[np.int64]) -> str:
    shown = ", ".join(str(column) for column in columns[:5]) + (", ..." if len(columns) > 5 else "")
    return (
        f"{len(columns)} embedding elements have one value in every row (columns {shown}); topk "
        "takes rows for them in index order; drop_constant=True ignores these elements"
    )
