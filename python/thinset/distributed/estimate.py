"""Predicts a selection over shards from small selections of the same rows.

What a selection takes depends on its rows: how many rounds they need, and how much work is skipped.
So a sample of them is selected from, with as many workers, one after the other in this process; and
a quarter and a sixteenth of the sample, with fewer picks if there are many. As it grew over these,
it is taken to grow up to all rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from thinset.distributed import pilot
from thinset.distributed.algorithm import Request
from thinset.distributed.algorithms import algorithm_of, options_of
from thinset.distributed.growth import N_SIZES, PAIRS, ROWS, grown, n_steps
from thinset.distributed.pilot import Exchanged
from thinset.distributed.shards import list_shards
from thinset.distributed.two_rounds import pilot as two_rounds_pilot
from thinset.distributed.two_rounds.coresets import TwoRounds
from thinset.files.byte_sizes import shown_bytes
from thinset.selection.arguments import as_count, as_metric, as_seed
from thinset.selection.estimate import estimate as estimate_shape
from thinset.selection.workers_estimate import Network
from thinset.threads import as_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from thinset.distributed.algorithm import Algorithm
    from thinset.distributed.pilot import Pilot, Sample
    from thinset.selection.workers_estimate import WorkersEstimate

_NUMBERS = 1 << 24
"""How many numbers a sample holds."""
_ROWS_OF_PAIRS = 1 << 16
"""Rows of a sample where all pairs of a part are measured."""
_FEWEST_PICKS, _MOST_PICKS = 1000, 4096
_MORE_FOR_PICKS = 4
"""Times as many rows, where a sample has fewer picks than there will be."""
_FEWEST_ROWS = 16
"""For each pick and for each worker."""
_PARTS_TIMED = 8
"""Parts of a sample to measure the one pass of topk, since reading is measured apart. What reads
rows again and again is measured on one part: it takes longer where they do not fit into caches."""
_MARGIN = 1.25
_MARGIN_OF_PICKS = 0.15


def estimate(
    shards: object,
    n_samples: float,
    method: str = "topk",
    *,
    n_workers: int,
    rounds: int | None = None,
    coreset_size: int | None = None,
    metric: str = "euclidean",
    random_state: int | np.random.Generator | None = 0,
    n_threads: int = 1,
    column: str | None = None,
    latency: float = 1e-3,
    bandwidth: float = 1e9,
    read_bandwidth: float | None = None,
    **method_options: Any,
) -> WorkersEstimate:
    """Predict what `select` of these shards takes with `n_workers` machines like this one.

    A sample of the rows, of 16 million numbers (64 million for more than 4,096 rows of max_min,
    max_sum or kmeans), is read and selected from in this process, which takes seconds. If that is
    all rows, the prediction is what they took. A second round of topk, which columns with the same
    best rows take, may be missed.

    Args:
        shards: as for `select`.
        n_samples: as for `select`.
        method: as for `select`.
        n_workers: how many workers to predict for.
        rounds: as for `select`.
        coreset_size: as for `select`.
        metric: as for `select`.
        random_state: as for `select`.
        n_threads: of each worker. With 1, as Ray gives them, other programs on this machine do not
            disturb the prediction.
        column: as for `select`.
        latency: seconds of a round without work, from the driver to all workers and back.
        bandwidth: bytes per second of the driver.
        read_bandwidth: bytes per second at which a worker reads its rows for the first time; by
            default as fast as the sample was read here.
        method_options: as for `select`.

    Raises the errors of `select`.
    """
    algorithm_type = algorithm_of(method, rounds)
    options = options_of(method, method_options, metric)
    listed = list_shards(shards, column)
    n_rows, n_columns = listed.shape
    k = as_count(n_samples, n_rows)
    network = Network(latency, bandwidth, read_bandwidth)
    threads = as_threads(n_threads)
    request = Request(
        method, k, as_metric(metric), as_seed(random_state), options, threads, coreset_size
    )

    def known(rows: int, picks: int) -> WorkersEstimate:
        return estimate_shape(
            (rows, n_columns), picks, method, dtype=listed.dtype, metric=metric, n_threads=threads,
            workers=n_workers, rounds=rounds, coreset_size=_scaled(coreset_size, picks / k),
            **method_options,
        )  # fmt: skip

    of_all = known(n_rows, k)
    plan = _plan(request, listed.shape, of_all.workers)
    sample = pilot.draw(listed, plan.n_rows)
    margin = _MARGIN * (k / plan.n_samples) ** _MARGIN_OF_PICKS
    if issubclass(algorithm_type, TwoRounds) and plan.n_rows < n_rows:
        exchanged = Exchanged(of_all.rounds, of_all.bytes_sent, of_all.bytes_received)
        seconds = two_rounds_pilot.seconds(algorithm_type, request, sample, n_rows, of_all.workers)
    else:
        growth = _growth(algorithm_type, request, sample, plan, of_all.workers)
        work = growth
        if plan.n_timed != of_all.workers:
            work = _growth(algorithm_type, request, sample, plan, plan.n_timed)
        exchanged = growth.exchanged(known(plan.n_rows, plan.n_samples), of_all)
        seconds = work.seconds() + growth.driver()
    row_bytes = n_columns * sample.values.itemsize
    reading = sample.reading if read_bandwidth is None else row_bytes / read_bandwidth
    seconds += reading * math.ceil(n_rows / of_all.workers)
    seconds += network.seconds(exchanged.rounds, exchanged.bytes_sent + exchanged.bytes_received)
    basis = f"measured on {plan.n_rows:,} of {n_rows:,} rows"
    if reading:
        basis += f"; rows are read at {shown_bytes(round(row_bytes / reading))} per second"
    return replace(
        of_all, **exchanged._asdict(), seconds=seconds, seconds_low=seconds / margin,
        seconds_high=seconds * margin, basis=basis,
    )  # fmt: skip


@dataclass(frozen=True)
class _Plan:
    """The selection from the sample.

    more_rows, more_picks: natural logarithms of how many times as many there are in all. n_timed:
    into how many parts the sample is cut to measure times.
    """

    n_rows: int
    n_samples: int
    more_rows: float
    more_picks: float
    n_workers: int
    n_timed: int


def _plan(request: Request, shape: tuple[int, int], n_workers: int) -> _Plan:
    (n_rows, n_columns), k = shape, request.n_samples
    is_quadratic = request.method == "facility_location"
    enough = _ROWS_OF_PAIRS if is_quadratic else _NUMBERS // max(1, n_columns)
    if k > _MOST_PICKS and request.method != "topk" and not is_quadratic:
        enough *= _MORE_FOR_PICKS
    n = min(n_rows, max(enough, _FEWEST_ROWS * min(k, _MOST_PICKS), _FEWEST_ROWS * n_workers))
    # As many picks among the rows as there will be, if that is enough to learn from.
    picks = k if n == n_rows else min(k, max(_FEWEST_PICKS, min(_MOST_PICKS, k * n // n_rows)))
    # Parts about as large as those of all rows, or all of the sample as one.
    n_timed = max(_PARTS_TIMED if request.method == "topk" else 1, n * n_workers // n_rows)
    if is_quadratic or request.coreset_size is not None:
        n_timed = n_workers  # what a part takes depends on how many others there are
    more_rows, more_picks = math.log(n_rows / n), math.log(k / picks)
    return _Plan(n, picks, more_rows, more_picks, n_workers, min(n_timed, n_workers))


@dataclass(frozen=True)
class _Growth:
    """What the selection from the sample took, and from two smaller ones.

    tried: the largest first. steps: how many, of those from one to the next, lead to all rows and
    picks.
    """

    tried: Sequence[Pilot]
    steps: float
    n_samples: int
    driver_compares: bool

    def seconds(self) -> float:
        """Of the slowest workers."""
        powers = ROWS if self.n_samples == self.tried[0].n_samples else PAIRS
        return sum(
            self._grown([each.seconds.get(name, 0.0) for each in self.tried], powers)
            for name in self.tried[0].seconds
        )

    def driver(self) -> float:
        """Seconds between the calls: they depend on the picks alone."""
        largest = self.tried[0]
        more = self.n_samples / largest.n_samples
        in_proportion = more * largest.driver
        if more == 1 or not self.driver_compares:
            return in_proportion
        return max(in_proportion, self._grown([each.driver for each in self.tried], PAIRS))

    def exchanged(self, of_sample: WorkersEstimate, of_all: WorkersEstimate) -> Exchanged:
        """More rows go on by steps; more picks as the estimates of their numbers do."""
        largest, least = self.tried[0], self.tried[-1]
        found = largest.exchanged
        if largest.n_samples == self.n_samples:
            pairs = zip(found, least.exchanged, strict=True)
            per_step = [max(0, more - fewer) / (N_SIZES - 1) for more, fewer in pairs]
            sums = zip(found, per_step, strict=True)
            return Exchanged(*(round(n + self.steps * more) for n, more in sums))
        names = Exchanged._fields
        ratios = [getattr(of_all, name) / max(1, getattr(of_sample, name)) for name in names]
        return Exchanged(*(round(n * more) for n, more in zip(found, ratios, strict=True)))

    def _grown(self, seconds: list[float], powers: tuple[float, float]) -> float:
        return seconds[0] if self.steps == 0 else grown(seconds, self.steps, powers)


def _growth(
    algorithm_type: type[Algorithm], request: Request, sample: Sample, plan: _Plan, n_parts: int
) -> _Growth:
    """Select from the sample and, to see what more rows and picks change, from parts of it."""

    def select(n_rows: int, n_samples: int) -> Pilot:
        size = _scaled(request.coreset_size, n_samples / request.n_samples)
        smaller = replace(request, n_samples=n_samples, coreset_size=size)
        return pilot.run(algorithm_type, smaller, sample.shards(n_rows), n_parts)

    # With fewer parts than workers, those of the sample are larger, and fewer rows are missing.
    more_rows = max(0.0, plan.more_rows - math.log(plan.n_workers / n_parts))
    steps = n_steps(math.exp(max(more_rows, plan.more_picks)))
    tried = [select(plan.n_rows, plan.n_samples)]
    for n in range(1, N_SIZES if steps else 1):
        picks = max(1, round(plan.n_samples * math.exp(-n * plan.more_picks / steps)))
        rows = max(picks, n_parts, round(plan.n_rows * math.exp(-n * more_rows / steps)))
        tried.append(select(rows, picks))
    # Rows with one another, in the second of two rounds alone.
    driver_compares = request.method == "facility_location"
    return _Growth(tried, steps, request.n_samples, driver_compares)


def _scaled(coreset_size: int | None, share: float) -> int | None:
    return None if coreset_size is None else math.ceil(coreset_size * share)
