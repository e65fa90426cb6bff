"""The entry: a selection from shards, by workers, in rounds."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.distributed.algorithm import Request
from thinset.distributed.algorithms import algorithm_of, options_of
from thinset.distributed.engines import engine_of, threads_of
from thinset.distributed.id_column import ids_of, require_id_column
from thinset.distributed.run import Run, shards_seen_by_all
from thinset.files.overlap import Inputs
from thinset.selection.arguments import as_count, as_metric, as_seed, is_int, shown
from thinset.selection.figures import Certificates, ObjectiveFigures
from thinset.selection.reporting import progress_callback
from thinset.selection.result import Selection
from thinset.selection.row_arguments import as_ids
from thinset.threads import as_threads

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike, NDArray

    from thinset.distributed.algorithm import Algorithm
    from thinset.distributed.engine import Engine
    from thinset.distributed.shards import ShardList
    from thinset.selection.reporting import Progress


def select(
    shards: object,
    n_samples: float,
    method: str = "topk",
    *,
    engine: str | Engine = "local",
    n_workers: int | None = None,
    rounds: int | None = None,
    coreset_size: int | None = None,
    metric: str = "euclidean",
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
    column: str | None = None,
    ids: ArrayLike | None = None,
    id_column: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
    digests: bool = True,
    progress: Progress = None,
    **method_options: Any,
) -> Selection:
    """Choose `n_samples` rows of a matrix that lies in shards, by several workers.

    Without `rounds`, indices and gains are those of `thinset.select` of the same shards, bit for
    bit, for every number of workers, also if workers die. With `rounds=2` they are approximate and
    depend on the number of workers; `certificates` then bound how far from the best they are.

    Args:
        shards: a path or a pattern ("part-*.parquet"; its files are sorted by name), an array, a
            Ray Data dataset, or a list of these: .npy files (mapped), parquet with a column of
            lists, Arrow and safetensors files. Each (n, D) of one element type; n may be 0. Rows
            are numbered through the shards. Workers read the files themselves, at the same paths.
        n_samples: as for `thinset.select`.
        method: one of `thinset.distributed.exact_methods()`, or facility_location with `rounds=2`.
        engine: "local" (in this process), "ray" (actors), "torch" (ranks of torch.distributed: each
            of them calls this function and gets the result), or an engine made before.
        n_workers: into how many parts the rows are cut, all of one length; by default the CPUs of
            the Ray cluster, the ranks, or 1.
        rounds: 2 for max_min, max_sum and facility_location: each worker chooses rows of its part,
            and the selection is made from these.
        coreset_size: how many rows each worker chooses with `rounds=2`; by default `n_samples`.
        metric: as for `thinset.select`.
        random_state: as for `thinset.select`.
        n_threads: of each worker.
        column: the column of lists, as for `thinset.select`.
        ids: (N,) integers or text, all different. `Selection.ids` has those of chosen rows.
        id_column: a column of the parquet shards to take ids from, instead of `ids`. Only the
            entries of chosen rows are read.
        folder: where to keep a manifest of the shards and, after a round but at most every
            `checkpoint_seconds`, the decisions so far. The same call with the same folder continues
            there, and returns the result if that is complete.
        checkpoint_seconds: the shortest time between two checkpoints.
        digests: also compute the SHA-256 of every shard for the manifest; without, a shard counts
            as unchanged if its size and modification time are.
        progress: True shows a bar; a callable receives (done, total) after every round.
        method_options: as for `thinset.select`.

    Raises:
        ShardError: a shard, which it names, is damaged, has another shape or type, or holds NaN or
            infinity.
        ShardChangedError: a shard changed after the start, or is not that of `folder`.
        FileNotFoundError: a shard is missing.
        WorkerLostError: a worker died and was not replaced.
        ValueError: another constraint is broken; the message states it and the value.
    """
    algorithm_type = algorithm_of(method, rounds)
    options = options_of(method, method_options, metric)
    if ids is not None and id_column is not None:
        raise ValueError("give ids or id_column, not both")
    if random_state is None and folder is not None:
        raise ValueError(
            "random_state=None draws another seed in every call, so that a folder cannot continue; "
            "give a number"
        )
    seed, threads = as_seed(random_state), as_threads(n_threads)
    with contextlib.ExitStack() as stack:
        running, is_ours = engine_of(engine, n_workers)
        if is_ours:
            stack.enter_context(running)
        stack.callback(running.release)
        listed = shards_seen_by_all(running, shards, column)
        n_total = listed.shape[0]
        names = as_ids(ids, n_total)
        if id_column is not None:
            require_id_column(listed, id_column)
        request = Request(
            method,
            as_count(n_samples, n_total),
            as_metric(metric),
            # Ranks that draw one draw different ones.
            int(running.on_first(lambda: (np.array(seed, np.uint64),))[0]),
            options,
            threads or threads_of(running),
            _as_coreset_size(coreset_size, rounds),
        )
        algorithm = algorithm_type(request, listed.parts(running.n_workers))
        run = Run(
            running,
            listed,
            algorithm,
            _described(request, algorithm),
            folder=folder,
            every=checkpoint_seconds,
            digests=digests,
        )
        found = run.finished()
        if found is not None:
            # Ids do not decide anything, so that they may differ from those asked for before.
            found.ids = _ids(listed, names, id_column, found.indices)
            found.inputs = Inputs(*listed.inputs)
            return found
        with progress_callback(progress, f"select {method}") as report:
            run.go(report)
        chosen = np.array(algorithm.rows, np.int64)
        selection = _selection(
            request,
            algorithm,
            listed,
            ids=_ids(listed, names, id_column, chosen),
        )
        if run.folder is not None:
            run.folder.finish(selection, running.traffic, running.name)
        return selection


def _as_coreset_size(coreset_size: object, rounds: int | None) -> int | None:
    if coreset_size is None:
        return None
    if rounds is None:
        raise ValueError("coreset_size applies to rounds=2 only")
    if not is_int(coreset_size) or coreset_size < 1:
        raise ValueError(f"coreset_size must be an int of at least 1, got {shown(coreset_size)}")
    return int(coreset_size)


def _ids(
    listed: ShardList,
    names: NDArray[Any] | None,
    id_column: str | None,
    chosen: NDArray[np.int64],
) -> NDArray[Any] | None:
    if id_column is not None:
        return ids_of(listed, id_column, chosen)
    return None if names is None else names[chosen]


def _described(request: Request, algorithm: Algorithm) -> dict[str, Any]:
    """What decides the result, for the manifest of a folder."""
    return {
        "method": request.method,
        "n_samples": request.n_samples,
        "metric": request.metric,
        "random_state": request.seed,
        **request.options,
        **algorithm.identity(),
    }


def _selection(
    request: Request, algorithm: Algorithm, listed: ShardList, ids: NDArray[Any] | None
) -> Selection:
    """With the `params` of `thinset.select`, if the method is exact."""
    has_pairs = len(algorithm.rows) > 1
    objective, certificates = algorithm.figures()
    return Selection(
        np.array(algorithm.rows, np.int64),
        np.array(algorithm.gains, np.float64),
        listed.shape[0],
        request.method,
        {
            "n_samples": request.n_samples,
            "metric": request.metric,
            "per_class": None,
            "random_state": request.seed,
            **request.options,
            "n_initial": 0,
            "dtype": listed.dtype,
            "n_columns": listed.n_columns,
            **({} if listed.column is None else {"column": listed.column}),
            **algorithm.params(),
        },
        constant_columns=algorithm.constant_columns,
        figures=lambda: (
            ObjectiveFigures(objective, None, has_pairs=has_pairs),
            Certificates(certificates, None, has_pairs=has_pairs),
        ),
        ids=ids,
        inputs=Inputs(*listed.inputs),
    )
