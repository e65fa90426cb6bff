"""The entry: checks, classes and the choice of the method."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from thinset import _core
from thinset.selection.kmeans import KMeansOptions
from thinset.selection.on_device.columns import (
    check_finite,
    check_largest_value,
    check_span,
    constant_columns,
)
from thinset.selection.on_device.dispersion import max_min, max_sum
from thinset.selection.on_device.facility_location import facility_location
from thinset.selection.on_device.kmeans import kmeans
from thinset.selection.on_device.memory import block_bytes
from thinset.selection.on_device.pick import Picks, Progress
from thinset.selection.on_device.rows import Rows
from thinset.selection.on_device.tensor_checks import check_tensor
from thinset.selection.on_device.top_k import top_k
from thinset.selection.topk import TopKOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    # (rows, k, positions that are chosen already) -> picks
    Choose: TypeAlias = Callable[[Rows, int, list[int]], Picks]
    Chosen: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]


def select(
    tensor: torch.Tensor,
    n_samples: int,
    *,
    method: str,
    metric: str = "euclidean",
    labels: NDArray[np.int64] | None = None,
    per_class: str | None = None,
    initial_subset: NDArray[np.int64] | None = None,
    seed: int = 0,
    max_memory: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """What `_core.select` gives for the same values, computed where the tensor lies.

    tensor: (N, D), float16, bfloat16, float32 or float64. The result is on the host: indices
    int64, gains float64, constant columns int64 (of topk), no swaps. Raises ValueError as the core
    does, and where max_sum may swap: that is done on the host alone.
    """
    values = tensor.detach()
    check_tensor(values)
    drawn = _draw_in_core(
        values.shape,
        n_samples,
        metric=metric,
        labels=labels,
        per_class=per_class,
        initial_subset=initial_subset,
        seed=seed,
        **options,
    )
    initial = [] if initial_subset is None else initial_subset.tolist()
    if method == "kmeans":
        _check_kmeans(metric, initial)
    shape = (values.shape[0], values.shape[1])
    rows = Rows(values, block_bytes(method, shape, n_samples, max_memory))
    check_finite(rows)
    if options.get("max_swaps", 0):
        raise ValueError("max_swaps needs embeddings on the host: pass tensor.cpu()")
    no_columns, no_swaps = np.empty(0, np.int64), np.empty(0)
    if method == "random":
        return *drawn, no_columns, no_swaps
    measures_spans = method != "topk" and metric != "cosine"
    if method != "topk":
        check_largest_value(rows)
    if measures_spans:
        check_span(rows)
    n_classes = 1 if per_class is None or labels is None else len(np.unique(labels))
    n_iterations = options.get("n_iterations", -1) if method == "kmeans" else -1
    watch = Progress(progress, n_samples + n_classes * (n_iterations + 1))
    choose = _choice(method, metric, options, seed, watch)
    if per_class is None or labels is None:
        indices, gains = _to_host(choose(rows, n_samples, initial))
    else:
        indices, gains = _choose_inside_classes(
            rows, choose, labels, drawn[0], initial, measures_spans=measures_spans
        )
    if method == "topk":
        return indices, gains, constant_columns(rows).nonzero()[:, 0].cpu().numpy(), no_swaps
    return indices, gains, no_columns, no_swaps


def _draw_in_core(shape: torch.Size, n_samples: int, **request: Any) -> Chosen:
    """A random selection for the same request: the core looks at everything but the values.

    It is the answer of the method random. For the others it checks the request, and inside classes
    it shows whose turn it is at every place, which no method changes.
    """
    # One column of zeros stands for the embeddings, unless they are refused for having none.
    n_rows, n_columns = shape
    stand_in = np.zeros((n_rows, 1 if n_rows * n_columns else n_columns), np.float16)
    indices, gains, *_ = _core.select(stand_in, n_samples, method="random", n_threads=1, **request)
    return indices, gains


def _check_kmeans(metric: str, initial: list[int]) -> None:
    if metric == "cosine":
        raise ValueError("kmeans takes Euclidean distances; scale the rows to norm 1 for cosine")
    if initial:
        raise ValueError("kmeans chooses all its rows together and takes no initial_subset")


def _choice(
    method: str, metric: str, options: dict[str, Any], seed: int, progress: Progress
) -> Choose:
    if method == "kmeans":
        kmeans_options = KMeansOptions(**options)
        # One stream of draws for all classes.
        random = _core.Random(seed)
        return lambda rows, k, _: kmeans(rows, k, kmeans_options, random, progress)
    if method == "topk":
        top_k_options = TopKOptions(**options)
        return lambda rows, k, initial: top_k(rows, k, top_k_options, initial, progress)
    greedy = {
        "max_sum": max_sum,
        "max_min": max_min,
        "facility_location": facility_location,
    }[method]
    return functools.partial(greedy, metric=metric, progress=progress)


def _choose_inside_classes(
    rows: Rows,
    choose: Choose,
    labels: NDArray[np.int64],
    drawn: NDArray[np.int64],
    initial: list[int],
    *,
    measures_spans: bool,
) -> Chosen:
    """Choose inside every class, in rising order of labels, and interleave as `drawn` does."""
    turns = labels[drawn]
    places = np.full(len(drawn), -1, np.int64)
    gains = np.zeros(len(drawn))
    for label, budget in zip(*np.unique(turns, return_counts=True), strict=True):
        members = np.flatnonzero(labels == label)
        mine = [row for row in initial if labels[row] == label]
        view = rows.restricted_to(torch.from_numpy(members).to(rows.device))
        if measures_spans:
            check_span(view, int(label))
        picks, picks_gains = _to_host(
            choose(view, int(budget), np.searchsorted(members, mine).tolist())
        )
        # Fewer than the budget where a union of boards overlaps: the last turns are lost.
        own_turns = np.flatnonzero(turns == label)[: len(picks)]
        places[own_turns] = members[picks]
        gains[own_turns] = picks_gains
    return places[places >= 0], gains[places >= 0]


def _to_host(picks: Picks) -> Chosen:
    positions, gains = picks
    return positions.cpu().numpy(), gains.cpu().numpy()
