"""A small selection that stands for a large one: what each call takes, on rows of the same kind."""

from __future__ import annotations

import mmap
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from thinset.distributed.engine import Job
from thinset.distributed.held_rows import HeldRows
from thinset.distributed.measured_engine import MeasuredEngine
from thinset.distributed.shards import Part, Piece, Shard, ShardList
from thinset.selection.columnar_input import as_columnar
from thinset.selection.parquet_input import ParquetColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from numpy.typing import NDArray

    from thinset.distributed.algorithm import Algorithm, Request

_BLOCKS = 64
_NUMBERS_AT_ONCE = 1 << 16
_MOST_RUNS = 5
_LONG_SECONDS = 0.1


@dataclass(frozen=True)
class Sample:
    """Rows from all over the shards, in their order.

    reading: seconds that it takes to read one row for the first time, more than later; 0 for rows
        in memory.
    """

    listed: ShardList
    values: NDArray[Any]
    reading: float

    def shards(self, n_rows: int) -> ShardList:
        """About so many of the rows, as one shard in memory."""
        rows = self.rows(n_rows)
        values = _as_mapped(rows) if self.listed.shards[0].is_file else rows
        return replace(self.listed, shards=(Shard("the sample", len(values), values),), inputs=())

    def rows(self, n_rows: int) -> NDArray[Any]:
        """About so many of the rows, evenly spread."""
        step = max(1, len(self.values) // n_rows)
        return np.ascontiguousarray(self.values[::step][:n_rows])


def _as_mapped(rows: NDArray[Any]) -> NDArray[Any]:
    """A copy that starts at a page, as a mapped file does.

    Rows of other arrays may lie across two cache lines: reading one takes up to twice as long.
    """
    copy = np.frombuffer(mmap.mmap(-1, max(1, rows.nbytes)), rows.dtype, rows.size)
    copy = copy.reshape(rows.shape)
    copy[...] = rows
    return copy


def draw(listed: ShardList, n_rows: int) -> Sample:
    """Read `n_rows` rows: some dozens of stretches, evenly spread."""
    total = listed.shape[0]
    n_blocks = min(_BLOCKS, n_rows)
    pieces: list[NDArray[Any]] = []
    seconds: list[float] = []
    for number in range(n_blocks):
        length = n_rows * (number + 1) // n_blocks - n_rows * number // n_blocks
        begin = (total - length) * number // max(1, n_blocks - 1)
        for piece in _pieces(listed, begin, begin + length):
            values, taken = _read(piece, listed)
            pieces.append(values)
            seconds += taken
    return Sample(listed, np.concatenate(pieces), float(np.median(seconds)) if seconds else 0.0)


def _pieces(listed: ShardList, begin: int, end: int) -> Iterator[Piece]:
    first = 0
    for shard in listed.shards:
        low, high = max(begin, first), min(end, first + shard.n_rows)
        if low < high:
            yield Piece(shard, low - first, high - first)
        first += shard.n_rows


def _read(piece: Piece, listed: ShardList) -> tuple[NDArray[Any], list[float]]:
    """The rows in memory, and seconds for each row, several times."""
    if piece.shard.array is not None:
        return piece.shard.array[piece.begin : piece.end], []
    started = time.perf_counter()
    part = Part(0, 0, (piece,), listed.dtype, listed.n_columns, listed.column)
    arrays = HeldRows(part).matrix.arrays
    # Written to already, because memory is found for a page when it is first written to.
    values = np.ones((piece.n_rows, listed.n_columns), arrays[0].dtype)
    seconds = []
    at_once = max(1, _NUMBERS_AT_ONCE // listed.n_columns)
    row = 0
    for array in arrays:
        for begin in range(0, len(array), at_once):
            some = array[begin : begin + at_once]
            # Copying them again takes what copying takes, without reading.
            times = [time.perf_counter()]
            for _ in range(2):
                values[row : row + len(some)] = some
                times.append(time.perf_counter())
            seconds.append(max(0.0, 2 * times[1] - times[0] - times[2]) / len(some))
            row += len(some)
    columnar = as_columnar(piece.shard.name, listed.column)
    if isinstance(columnar, ParquetColumn):
        # Whole row groups are decoded, and that is all that it takes.
        n_decoded = columnar.rows_decoded(piece.begin, piece.end)
        seconds = [(time.perf_counter() - started) / n_decoded]
    return values, seconds


class Exchanged(NamedTuple):
    """Between the driver and all workers."""

    rounds: int
    bytes_sent: int
    bytes_received: int


@dataclass(frozen=True)
class Pilot:
    """What a selection took.

    seconds: of the slowest part, for each name of a call; its first call, which prepares what later
    ones use, stands apart. driver: seconds between the calls. total: of all parts and the driver.
    """

    n_samples: int
    seconds: dict[str, float]
    driver: float
    total: float
    exchanged: Exchanged


def run(
    algorithm_type: type[Algorithm], request: Request, listed: ShardList, n_parts: int
) -> Pilot:
    """Select from rows in memory, by `n_parts` workers one after the other.

    Of a short selection, the fewest seconds of several count.
    """
    found = [_run(algorithm_type, request, listed, n_parts)]
    while len(found) < _MOST_RUNS and sum(each.total for each in found) < _LONG_SECONDS:
        found.append(_run(algorithm_type, request, listed, n_parts))
    seconds = {name: min(each.seconds[name] for each in found) for name in found[0].seconds}
    return replace(found[0], seconds=seconds, driver=min(each.driver for each in found))


def _run(
    algorithm_type: type[Algorithm], request: Request, listed: ShardList, n_parts: int
) -> Pilot:
    engine = MeasuredEngine(n_parts, request.n_threads)
    clock = clock_of(request)
    with engine:
        algorithm = algorithm_type(request, listed.parts(n_parts))
        started = clock()
        engine.open(Job(algorithm.parts, algorithm.work, algorithm.settings(), algorithm.replay))
        while not algorithm.step(engine):
            pass
        engine.release()
        taken = clock() - started
    seconds: dict[str, float] = {}
    seen: set[str] = set()
    for measured in engine.measured:
        name = measured.name if measured.name in seen else f"first {measured.name}"
        seen.add(measured.name)
        seconds[name] = seconds.get(name, 0.0) + max(measured.seconds)
    of_workers = sum(sum(measured.seconds) for measured in engine.measured)
    driver = max(0.0, taken - of_workers)
    traffic = engine.traffic
    exchanged = Exchanged(traffic.rounds, traffic.bytes_sent, traffic.bytes_received)
    return Pilot(request.n_samples, seconds, driver, taken, exchanged)


def fewest_seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """What `work` takes; if it is short, the least of several times."""
    taken: list[float] = []
    while len(taken) < _MOST_RUNS and sum(taken) < _LONG_SECONDS:
        started = clock()
        work()
        taken.append(clock() - started)
    return min(taken)


def clock_of(request: Request) -> Callable[[], float]:
    """Seconds of the processor if each worker has one thread: what others do does not count."""
    return time.thread_time if request.n_threads == 1 else time.perf_counter
