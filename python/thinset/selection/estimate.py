"""Predicts the memory and time of a selection and of its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard, overload

import numpy as np

from thinset import _core
from thinset.files.byte_sizes import shown_bytes
from thinset.files.shown import shown_seconds
from thinset.selection.arguments import as_count, as_metric, as_per_class, is_int, shown
from thinset.selection.columnar_input import as_columnar, has_columns
from thinset.selection.figures import RATIOS, Certificates, ObjectiveFigures
from thinset.selection.frame_input import as_frame
from thinset.selection.integer_input import as_labels
from thinset.selection.matrix_input import as_matrix, bytes_copied, tensor_on_device
from thinset.selection.methods import resolve_options
from thinset.threads import as_threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, DTypeLike

    from thinset.selection.vector_columns import Columnar
    from thinset.selection.workers_estimate import WorkersEstimate


@dataclass(frozen=True)
class Estimate:
    """The memory and time that `select` needs in addition to the embeddings.

    Attributes:
        memory_bytes: the likely peak; accurate to within a tenth above about 20 MB.
        memory_bound: never exceeded if `max_memory` is set to it, and the least that `max_memory`
            must allow; more than `memory_bytes` if memory depends on the values.
        seconds: rough. Counted operations times the time that each takes on this machine, which is
            measured for some milliseconds. Embeddings that must first be read from a disk take
            longer.
        seconds_low: for values that allow most of the work to be skipped.
        seconds_high: for values that allow none of it to be skipped.
    """

    memory_bytes: int
    memory_bound: int
    seconds: float
    seconds_low: float
    seconds_high: float

    def describe(self) -> str:
        """Two lines for people to read."""
        return (
            f"memory beyond the embeddings: about {shown_bytes(self.memory_bytes)}, "
            f"at most {shown_bytes(self.memory_bound)}\n"
            f"time: {_as_span((self.seconds_low, self.seconds, self.seconds_high))}"
        )


@dataclass(frozen=True)
class FiguresEstimate:
    """How long the figures of a selection take, as (at least, roughly, at most) in seconds.

    Attributes:
        objective: all figures of `Selection.objective`.
        certificates: all bounds, with the figures that they are compared with; these are computed
            once if both are wanted.
    """

    objective: tuple[float, float, float]
    certificates: tuple[float, float, float]

    def describe(self) -> str:
        """Two lines for people to read."""
        return "\n".join(
            f"{name}: {_as_span(seconds)}"
            for name, seconds in (
                ("objective", self.objective),
                ("certificates", self.certificates),
            )
        )


@overload
def estimate(
    embeddings_or_shape: object,
    n_samples: float,
    method: str = ...,
    *,
    workers: None = None,
    **options: Any,
) -> Estimate: ...
@overload
def estimate(
    embeddings_or_shape: object,
    n_samples: float,
    method: str = ...,
    *,
    workers: int,
    **options: Any,
) -> WorkersEstimate: ...
def estimate(
    embeddings_or_shape: object,
    n_samples: float,
    method: str = "topk",
    *,
    dtype: DTypeLike | None = None,
    labels: ArrayLike | None = None,
    per_class: bool | str | None = None,
    metric: str = "euclidean",
    n_threads: int | None = None,
    column: object = None,
    workers: int | None = None,
    rounds: int | None = None,
    coreset_size: int | None = None,
    latency: float | None = None,
    bandwidth: float | None = None,
    read_bandwidth: float | None = None,
    **method_options: Any,
) -> Estimate | WorkersEstimate:
    """Predict the memory and time of `select` with the same arguments, without selecting.

    Args:
        embeddings_or_shape: what `select` accepts, or a tuple (N, D) of ints. No value is read. If
            a tensor on another device is copied to host memory, the copy counts.
        dtype: the element type for a shape (default float32), "bfloat16" included; embeddings have
            their own.
        workers: predict `thinset.distributed.select` with this many workers instead, on machines
            like this one, as a WorkersEstimate. That of max_min assumes normally distributed rows;
            `thinset.distributed.estimate` measures on a sample of yours.
        rounds: as for `thinset.distributed.select`.
        coreset_size: as for `thinset.distributed.select`.
        latency: seconds of a round without work, from the driver to all workers and back; None:
            a millisecond.
        bandwidth: bytes per second of the driver; None: 10^9.
        read_bandwidth: bytes per second at which a worker reads its rows for the first time; None:
            that is not counted.

    The call takes some milliseconds. Arguments of `select` that are not among these, such as
    `scores`, are not counted.

    Raises ValueError if `select` would refuse the request.
    """
    options = resolve_options(method, method_options)
    (n_rows, n_columns), dtype_name = _shape_and_dtype(embeddings_or_shape, dtype, column)
    if workers is not None:
        from thinset.selection.workers_estimate import Network, estimate_workers

        if labels is not None or per_class is not None:
            raise ValueError("labels and per_class do not apply with workers")
        return estimate_workers(
            (n_rows, n_columns),
            dtype_name,
            as_count(n_samples, n_rows),
            method=method,
            metric=as_metric(metric),
            options=options,
            workers=workers,
            rounds=rounds,
            coreset_size=coreset_size,
            network=Network(
                **{} if latency is None else {"latency": latency},
                **{} if bandwidth is None else {"bandwidth": bandwidth},
                read_bandwidth=read_bandwidth,
            ),
            n_threads=as_threads(n_threads),
        )
    given = {"rounds": rounds, "coreset_size": coreset_size, "read_bandwidth": read_bandwidth}
    given |= {"latency": latency, "bandwidth": bandwidth}
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} applies only with workers, got {shown(value)}")
    figures = _core.estimate(
        n_rows,
        n_columns,
        dtype_name,
        as_count(n_samples, n_rows),
        method=method,
        metric=as_metric(metric),
        labels=as_labels(labels, n_rows),
        per_class=as_per_class(per_class),
        n_threads=as_threads(n_threads),
        **options,
    )
    likely, at_most, low, seconds, high = figures
    n_copied = 0 if _is_shape(embeddings_or_shape) else bytes_copied(embeddings_or_shape)
    return Estimate(likely + n_copied, at_most + n_copied, seconds, low, high)


def estimate_figures(
    embeddings_or_shape: object,
    n_samples: float,
    *,
    dtype: DTypeLike | None = None,
    metric: str = "euclidean",
    n_threads: int | None = None,
    column: object = None,
    method: str = "topk",
) -> FiguresEstimate:
    """Predict how long `objective` and `certificates` of `n_samples` rows take to compute.

    Arguments as for `estimate`. The method that chose the rows makes little difference, except
    facility_location: its cost is certified as well.
    """
    (n_rows, n_columns), dtype_name = _shape_and_dtype(embeddings_or_shape, dtype, column)
    count = as_count(n_samples, n_rows)
    seconds = _core.estimate_figures(
        n_rows,
        n_columns,
        dtype_name,
        count,
        metric=as_metric(metric),
        n_threads=as_threads(n_threads),
    )
    has_pairs = count > 1
    figures = ObjectiveFigures.defined(has_pairs, method)
    bounds = Certificates.defined(has_pairs, method)
    compared = [RATIOS[name][0] for name in bounds if name in RATIOS]
    return FiguresEstimate(
        _sum(seconds, figures),
        _sum(seconds, [name for name in bounds if name not in RATIOS] + compared),
    )


def _sum(
    seconds: Mapping[str, tuple[float, float, float]], names: Iterable[str]
) -> tuple[float, float, float]:
    low, middle, high = zip(*(seconds[name] for name in names), strict=True)
    return sum(low), sum(middle), sum(high)


def _shape_and_dtype(
    embeddings_or_shape: object, dtype: DTypeLike | None, column: object
) -> tuple[tuple[int, int], str]:
    if _is_shape(embeddings_or_shape):
        if not all(is_int(length) and 0 <= length < 2**63 for length in embeddings_or_shape):
            raise ValueError(
                f"a shape must be two ints in [0, 2^63), got {shown(embeddings_or_shape)}"
            )
        return embeddings_or_shape, _dtype_name(dtype)
    if dtype is not None:
        raise ValueError("dtype applies only to a shape; embeddings have their own")
    pieces = _columnar(embeddings_or_shape, column)
    if pieces:
        first = pieces[0]
        return (sum(piece.shape[0] for piece in pieces), first.shape[1]), first.dtype_name
    frame = as_frame(embeddings_or_shape)
    if frame is not None:
        return frame.shape, frame.dtype().name
    tensor = tensor_on_device(embeddings_or_shape)
    if tensor is not None:
        n_rows, n_columns = tensor.shape
        return (n_rows, n_columns), str(tensor.dtype).removeprefix("torch.")
    matrix = as_matrix(embeddings_or_shape, column)
    return matrix.shape, matrix.dtype_name


def _columnar(embeddings: object, column: object) -> list[Columnar]:
    """Columns of lists, whose shape is known without their values; or none."""
    shards = embeddings if isinstance(embeddings, (list, tuple)) else (embeddings,)
    if not (shards and all(map(has_columns, shards))):
        return []
    found = [as_columnar(shard, column) for shard in shards]
    return [piece for piece in found if piece is not None] if all(found) else []


def _dtype_name(dtype: DTypeLike | None) -> str:
    if dtype is None:
        return "float32"
    # numpy knows this type name only if another library adds it.
    if str(dtype).removeprefix("torch.") == "bfloat16":
        return "bfloat16"
    try:
        return np.dtype(str(dtype).removeprefix("torch.") if "torch." in str(dtype) else dtype).name
    except TypeError:
        raise ValueError(
            f"dtype must be one of float16, bfloat16, float32, float64; got {shown(dtype)}"
        ) from None


def _is_shape(value: object) -> TypeGuard[tuple[int, int]]:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(length, (int, np.integer)) for length in value)
    )


def _as_span(seconds: tuple[float, float, float]) -> str:
    low, middle, high = seconds
    return f"roughly {shown_seconds(middle)}, from {shown_seconds(low)} to {shown_seconds(high)}"
