"""The entry to every selection method."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from thinset.files.overlap import Inputs
from thinset.selection.arguments import (
    as_bytes,
    as_count_or_open,
    as_metric,
    as_per_class,
    as_seed,
)
from thinset.selection.choice import as_choice
from thinset.selection.integer_input import as_labels
from thinset.selection.matrix_input import as_matrix, bytes_copied
from thinset.selection.measuring import Subset
from thinset.selection.methods import resolve_options
from thinset.selection.near_duplicates import as_distance, without_near_duplicates
from thinset.selection.reporting import progress_callback
from thinset.selection.result import Selection
from thinset.selection.row_arguments import as_ids, as_initial_rows
from thinset.threads import as_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from thinset.selection.reporting import Progress


class ConstantColumnsWarning(UserWarning):
    """A top-k selection uses embedding elements with one value in every row."""


def select(
    embeddings: object,
    n_samples: float | None,
    method: str = "topk",
    *,
    labels: ArrayLike | None = None,
    per_class: bool | str | None = None,
    metric: str = "euclidean",
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
    initial_subset: ArrayLike | Selection | None = None,
    exclude: ArrayLike | Selection | None = None,
    among: ArrayLike | Selection | None = None,
    cover: str | None = None,
    existing: object = None,
    scores: ArrayLike | None = None,
    score_weight: float | None = None,
    min_score: float | None = None,
    groups: ArrayLike | None = None,
    max_per_group: int | None = None,
    whole_groups: bool = False,
    one_per_group_first: bool = False,
    costs: ArrayLike | None = None,
    budget: float | None = None,
    min_distance: float | None = None,
    dedup_distance: float | None = None,
    ids: ArrayLike | None = None,
    max_memory: int | str | None = None,
    progress: Progress = None,
    column: object = None,
    existing_column: object = None,
    **method_options: Any,
) -> Selection:
    """Choose `n_samples` rows of an embedding matrix.

    The result is exact and deterministic: the same input and `random_state` give the same indices
    for every number of threads, in memory or memory-mapped. All arithmetic is float64; ties go to
    the lower row.

    Args:
        embeddings: (N, D), float16, bfloat16, float32 or float64, finite: an ndarray, memmap, torch
            tensor, anything with DLPack or the buffer protocol, or a path to a .npy file. Rows are
            read where they are; the matrix is not copied. A list of these is one matrix in shards;
            row numbers run through the shards in the given order. Columns of lists in Arrow tables
            and polars frames, and tensors in .safetensors files, are read in place as well; those
            of .parquet files are decoded into a temporary file. Tensors on another device, data
            frames of numbers (pandas, polars, pyarrow) and lists of rows of numbers are copied to
            host memory.
        n_samples: how many rows: an int in [1, N], or a float fraction in (0, 1] of all N rows,
            those that may not be chosen included, rounded to the nearest count. None, with `budget`
            or `min_distance`: as many as these allow.
        method: one of `thinset.methods()`.
        labels: (N,) integers or booleans. Used by `per_class`, and by `random` with
            `stratified=True`.
        per_class: choose within each class: "balanced" (or True) gives all classes equal budgets,
            "proportional" gives budgets in proportion to class size.
        metric: "euclidean", "sqeuclidean" or "cosine": distances of max_sum, max_min,
            facility_location and `objective`.
        random_state: seed in [0, 2**64), a Generator to draw one from, or None for a fresh one;
            `params` holds the seed used. Only kmeans and random use it.
        n_threads: at most 1,024; by default every available processor.
        initial_subset: rows already chosen, or a `Selection` to grow; they come first (within their
            class with `per_class`) and count towards `n_samples`.
        exclude: rows that may not be chosen: row numbers, a mask (N,) or a `Selection`. They are
            not read, except by facility_location and kmeans, which represent all rows, and by
            `objective` and `certificates`. Rows of `initial_subset` stay chosen all the same.
        among: the only rows that may be chosen, in the same forms.
        cover: what facility_location and kmeans represent: "all" rows (default), or only
            "candidates", those that may be chosen.
        existing: (M, D), like `embeddings` and of their element type: samples that are owned
            already but are not in this matrix. max_min measures distances to the nearest of these
            and the chosen rows, and starts with the row furthest from them; max_sum adds the
            distances to all of them; facility_location starts from what they cover.
        scores: (N,) finite numbers, higher is better.
        score_weight: w >= 0, default 1; 0 is as without scores. max_min (scores above 0) takes the
            largest distance * score^w, max_sum the largest summed distance * score^w,
            facility_location the largest gain * score^w, topk the strongest activation * score^w;
            kmeans takes of each cluster the row of the largest score^w / (squared distance to the
            centre + the mean of these over all rows); random draws with probability in proportion
            to score^w. Gains include the factor score^w.
        min_score: rows with a lower score may not be chosen.
        groups: (N,) integers or text, such as the video or the patient of each row, for one of the
            next three arguments.
        max_per_group: at most so many rows of one group.
        whole_groups: all rows of a group that may be chosen, or none; a pick takes its group along,
            `n_samples` is then an upper limit.
        one_per_group_first: no group gives a second row before each has given one.
        costs: (N,) positive numbers. Rows compete by gain per cost, among those that the budget
            still allows (random draws from them, whatever their cost).
        budget: the most that the costs of the chosen rows may add up to; `Selection.spent` is the
            sum. With `n_samples`, both limits hold.
        min_distance: of max_min: choose until no row that may be chosen is further than this from
            the chosen ones.
        dedup_distance: leave out near-duplicates first. Of rows at most this far apart, in
            `metric`, and of chains of such rows, only the one with the highest score (without
            scores, the first) may be chosen, and none if one of them is in `initial_subset`; nor
            may rows this near to one of `existing`. Rows that may not be chosen are not read and
            link no others. See `deduplicate`.
        ids: (N,) integers or text, all different: `Selection.ids` has those of the chosen rows.
        max_memory: bytes, or text such as "512MB": the work is refused if it may take more than
            this beyond the embeddings.
        progress: True shows a bar, and one for each figure that is computed later; a callable
            receives (done, total) about every 50 ms.
        column: the column of lists of numbers in a parquet or Arrow file, table or frame, or the
            tensor in a safetensors file; needed only if there are several.
        existing_column: the same for `existing`; None for that of `column`.
        method_options: options of the method; see its options class in `thinset.selection`.

    Raises:
        ValueError: a constraint is broken; the message states it and the value.
        OSError: a path cannot be read.
        KeyboardInterrupt: within 0.2 s of Ctrl-C.
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
    is_open = budget is not None or min_distance is not None
    n_chosen = as_count_or_open(n_samples, n_total, is_open=is_open)
    choice = as_choice(
        matrix,
        {
            "exclude": exclude,
            "among": among,
            "cover": cover,
            "existing": existing,
            "scores": scores,
            "score_weight": score_weight,
            "min_score": min_score,
            "groups": groups,
            "max_per_group": max_per_group,
            "whole_groups": whole_groups,
            "one_per_group_first": one_per_group_first,
            "costs": costs,
            "budget": budget,
            "min_distance": min_distance,
        },
        column=column,
        existing_column=existing_column,
    )
    names = as_ids(ids, n_total)
    initial = as_initial_rows(initial_subset, n_total)
    classes = as_labels(labels, n_total)
    threads = as_threads(n_threads)
    memory = _memory_beside_copies(as_bytes(max_memory), bytes_copied(embeddings))
    request = {
        "method": method,
        "metric": settings["metric"],
        "labels": classes,
        "per_class": settings["per_class"],
        "initial_subset": initial,
        **options,
    }
    allowed = choice
    if dedup_distance is not None:
        limit = as_distance(dedup_distance, "dedup_distance")
        # Now, not after a search for near-duplicates that may take minutes.
        matrix.check(n_chosen, **request, **choice.keywords)
        allowed = without_near_duplicates(
            choice,
            matrix,
            limit,
            initial,
            n_chosen,
            metric=settings["metric"],
            n_threads=threads,
            progress=progress,
        )
    with progress_callback(progress, f"select {method}") as callback:
        chosen = matrix.choose(
            n_chosen,
            seed=settings["random_state"],
            n_threads=threads,
            max_memory=memory,
            progress=callback,
            **request,
            **allowed.keywords,
        )
    indices, constant_columns = chosen.indices, tuple(chosen.constant_columns.tolist())
    if constant_columns and not options["drop_constant"]:
        _warn_of_constant_columns(constant_columns)
    params = {
        "n_samples": len(indices) if n_samples is None else n_chosen,
        **settings,
        **_bandwidth_used(chosen.bandwidth),
        **choice.settings,
    }
    if dedup_distance is not None:
        params["dedup_distance"] = float(dedup_distance)
    params["n_initial"] = 0 if initial is None else len(initial)
    params["dtype"] = matrix.dtype_name
    params["n_columns"] = n_columns
    if column is not None:
        params["column"] = str(column)
    params |= _swaps_made(options, chosen.swaps)
    subset = Subset(matrix, indices, settings["metric"], threads, method)
    return Selection(
        indices,
        chosen.gains,
        n_total,
        method,
        params,
        constant_columns=constant_columns,
        figures=partial(subset.figures_on_demand, progress),
        ids=None if names is None else names[indices],
        spent=None if choice.costs is None else chosen.spent,
        inputs=Inputs(
            embeddings,
            matrix.values,
            existing,
            *_not_lists(labels, initial_subset, exclude, among, scores, groups, costs, ids),
        ),
    )


def _not_lists(*arguments: object) -> Iterator[object]:
    """A list with an entry for each row holds no files, although an id may be the name of one."""
    return (
        values for values in arguments if values is not None and not isinstance(values, Sequence)
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


def _bandwidth_used(bandwidth: float) -> dict[str, float]:
    """Of the Gaussian kernel: given, or found from the embeddings."""
    return {"bandwidth": bandwidth} if bandwidth else {}


def _swaps_made(options: dict[str, Any], swaps: NDArray[np.float64]) -> dict[str, Any]:
    if not options.get("max_swaps", 0):
        return {}
    return {"n_swaps": len(swaps), "gained_by_swaps": float(swaps.sum())}


def _warn_of_constant_columns(columns: tuple[int, ...]) -> None:
    shown = ", ".join(str(column) for column in columns[:5]) + (", ..." if len(columns) > 5 else "")
    warnings.warn(
        f"{len(columns)} embedding elements have one value in every row (columns {shown}); topk "
        "takes rows for them in index order; drop_constant=True ignores these elements",
        ConstantColumnsWarning,
        stacklevel=3,  # where select was called
    )
