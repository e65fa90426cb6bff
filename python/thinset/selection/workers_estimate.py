"""Predicts what a selection over several workers takes: memory of each, rounds, bytes and time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset import _core
from thinset.files.byte_sizes import shown_bytes
from thinset.files.shown import shown_seconds
from thinset.selection.arguments import is_int, is_real, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = 8
_DIGITS_OF_A_SUM = 68
_ROWS_SENT = 16
_MOST_WORKERS = 65_536
_IN_TWO_ROUNDS = ("max_min", "max_sum", "facility_location")


@dataclass(frozen=True)
class WorkersEstimate:
    """What `thinset.distributed.select` takes.

    Attributes:
        workers: how many.
        memory_bytes: of each worker, beyond its share of the embeddings, as in Estimate.
        memory_bound: the same, as in Estimate.
        rounds: calls to all workers.
        bytes_sent: by the driver, to all workers.
        bytes_received: by the driver, from all workers.
        seconds: of the slowest worker, of the rounds' latencies, and of the bytes.
        seconds_low: for values that allow most of the work to be skipped; measured, the shortest
            that is likely.
        seconds_high: for values that allow none of it to be skipped; measured, the longest that is
            likely.
        basis: what the prediction rests on. `thinset.estimate` of a shape does not know the values;
            `thinset.distributed.estimate` measures a sample of them.
    """

    workers: int
    memory_bytes: int
    memory_bound: int
    rounds: int
    bytes_sent: int
    bytes_received: int
    seconds: float
    seconds_low: float
    seconds_high: float
    basis: str = ""

    def describe(self) -> str:
        """Four lines for people to read."""
        exchanged = shown_bytes(self.bytes_sent + self.bytes_received)
        return (
            f"memory of each of {self.workers:,} workers beyond its rows: about "
            f"{shown_bytes(self.memory_bytes)}, at most {shown_bytes(self.memory_bound)}\n"
            f"rounds: about {self.rounds:,}; exchanged: about {exchanged}\n"
            f"time: roughly {shown_seconds(self.seconds)}, from {shown_seconds(self.seconds_low)} "
            f"to {shown_seconds(self.seconds_high)}\n"
            f"basis: {self.basis}"
        )


@dataclass(frozen=True)
class Network:
    """latency: seconds of a round without work. bandwidth: bytes per second of the driver.

    read_bandwidth: bytes per second at which a worker reads its rows; None: not known.
    """

    latency: float = 1e-3
    bandwidth: float = 1e9
    read_bandwidth: float | None = None

    def __post_init__(self) -> None:
        for name in ("latency", "bandwidth", "read_bandwidth"):
            value = getattr(self, name)
            if name == "read_bandwidth" and value is None:
                continue
            if not is_real(value) or not 0 < value < math.inf:
                raise ValueError(f"{name} must be a number above 0, got {shown(value)}")

    def seconds(self, n_rounds: int, n_bytes: int) -> float:
        """Of so many rounds that exchange so many bytes."""
        return n_rounds * self.latency + n_bytes / self.bandwidth


def estimate_workers(
    shape: tuple[int, int],
    dtype: str,
    n_samples: int,
    *,
    method: str,
    metric: str,
    options: Mapping[str, Any],
    workers: object,
    rounds: object,
    coreset_size: int | None,
    network: Network,
    n_threads: int,
) -> WorkersEstimate:
    """As `estimate`, for this many workers on machines like this one."""
    n_workers = _as_workers(workers)
    n_rows, n_columns = shape
    n_workers = min(n_workers, n_rows)  # the others have no part
    share = math.ceil(n_rows / n_workers)
    _require_rounds(method, rounds, coreset_size, options)

    def of_core(n: int, k: int) -> tuple[int, int, float, float, float]:
        return _core.estimate(
            n, n_columns, dtype, min(k, n), method=method, metric=metric, n_threads=n_threads,
            **options,
        )  # fmt: skip

    chosen_by_each = n_samples if coreset_size is None else coreset_size
    memory, bound, low, middle, high = of_core(share, chosen_by_each)
    seconds = np.array([low, middle, high])
    if rounds == 2:
        n_offered = n_workers * min(chosen_by_each, share)
        seconds += of_core(n_offered, n_samples)[2:]
        size = _itemsize(dtype) * n_columns
        n_rounds = 3
        # max_min measures all rows against the chosen ones, which travel as float64.
        sent = n_workers * n_samples * (_NUMBER * n_columns if method == "max_min" else size)
        received = n_offered * (size + _NUMBER)
    else:
        n_rounds, to_each, from_each = _exchange(method, shape, n_samples, n_workers, options)
        sent, received = n_workers * to_each, n_workers * from_each
    seconds += network.seconds(n_rounds, sent + received)
    basis = "values unknown"
    if method == "max_min" and rounds is None:
        basis += ", rounds are those of normally distributed rows"
    if network.read_bandwidth is None:
        basis += "; reading the rows is not counted"
    else:
        seconds += share * n_columns * _itemsize(dtype) / network.read_bandwidth
    low, middle, high = seconds.tolist()
    return WorkersEstimate(
        n_workers, memory, bound, n_rounds, sent, received, middle, low, high, basis
    )


def _exchange(
    method: str, shape: tuple[int, int], k: int, n_workers: int, options: Mapping[str, Any]
) -> tuple[int, int, int]:
    """Rounds, and bytes sent to and received from each worker."""
    n_rows, n_columns = shape
    point = (n_columns + 2) * _NUMBER
    of_start = n_columns * (_DIGITS_OF_A_SUM + 2) * _NUMBER
    if method == "topk":
        reserve = min(max(n_rows // 20_000, 2), 16)
        depth = min(k, 2 * math.ceil(k / n_columns) + reserve)  # as the core chooses it
        return 1, _NUMBER, 2 * depth * n_columns * _NUMBER
    if method == "max_sum":
        return k + 1, k * point + of_start, k * point + of_start
    if method == "max_min":
        # Measured: every part sends 16 rows, and the more there are, the more picks these prove.
        n_rounds = 10 + math.ceil(k / (15 * n_workers**0.65))
        return n_rounds, k * point + of_start, n_rounds * _ROWS_SENT * point + of_start
    if method == "kmeans":
        n_iterations = int(options["n_iterations"])
        seeds = k if options["seeding"] == "kmeans++" else 0
        centres = k * n_columns * _NUMBER
        exchanged = n_iterations * centres + 2 * seeds * point
        return 2 * (seeds + n_iterations) + 5, exchanged, exchanged + n_iterations * centres
    if method == "random":
        return 1, 0, 0
    raise ValueError(f"{method} over workers takes rounds=2")


def _as_workers(workers: object) -> int:
    if not is_int(workers) or not 1 <= workers <= _MOST_WORKERS:
        raise ValueError(f"workers must be an int in [1, {_MOST_WORKERS:,}], got {shown(workers)}")
    return int(workers)


def _require_rounds(
    method: str, rounds: object, coreset_size: int | None, options: Mapping[str, Any]
) -> None:
    """Raise ValueError for what the selection would refuse."""
    if rounds not in (None, 2):
        raise ValueError(f"rounds must be None (exact) or 2, got {shown(rounds)}")
    if rounds == 2 and method not in _IN_TWO_ROUNDS:
        raise ValueError(
            f"rounds=2 applies to {', '.join(_IN_TWO_ROUNDS)}; {method} is exact: leave rounds out"
        )
    if rounds is None and options.get("max_swaps"):
        raise ValueError(
            f"max_swaps must be 0 over workers, got {shown(options['max_swaps'])}; leave it out"
        )
    if coreset_size is None:
        return
    if rounds is None:
        raise ValueError("coreset_size applies to rounds=2 only")
    if not is_int(coreset_size) or coreset_size < 1:
        raise ValueError(f"coreset_size must be an int of at least 1, got {shown(coreset_size)}")


def _itemsize(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
