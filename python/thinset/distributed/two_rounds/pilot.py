"""What two rounds with coresets take: each of their steps, tried at its own size if it is small.

A part of the sample stands for a worker, and rows of the sample for the candidates.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from thinset.distributed.engine import Call, Job
from thinset.distributed.growth import measured_or_grown
from thinset.distributed.measured_engine import MeasuredEngine
from thinset.distributed.pilot import clock_of, fewest_seconds

if TYPE_CHECKING:
    from thinset.distributed.algorithm import Request
    from thinset.distributed.pilot import Sample
    from thinset.distributed.shards import Part
    from thinset.distributed.two_rounds.coresets import TwoRounds

_MOST_CHOSEN = 4096
_MOST_CANDIDATES = 1 << 16
_MOST_MEASURED = 1 << 14


def seconds(
    algorithm_type: type[TwoRounds], request: Request, sample: Sample, n_rows: int, n_workers: int
) -> float:
    """Of the slowest worker and of the driver, without what they exchange and read."""
    k = request.n_samples
    of_worker = math.ceil(n_rows / n_workers)
    size = min(request.coreset_size or k, of_worker)
    most_rows = len(sample.values)

    def algorithm(parts: list[Part], n_samples: int, coreset_size: int) -> TwoRounds:
        smaller = replace(request, n_samples=n_samples, coreset_size=coreset_size)
        return algorithm_type(smaller, parts)

    def coreset(n: int, n_chosen: int) -> float:
        parts = sample.shards(n).parts(1)
        tried = algorithm(parts, n_chosen, n_chosen)
        worker = Job(parts, tried.work, tried.settings(), tried.replay).worker(0)
        return fewest_seconds(lambda: worker.call(Call("coreset")), clock_of(request))

    def choice(n_candidates: int, n_chosen: int) -> float:
        tried = algorithm(sample.shards(n_candidates).parts(1), n_chosen, n_chosen)
        points = [sample.rows(n_candidates)]
        return fewest_seconds(lambda: tried.chosen_from(points), clock_of(request))

    def measures(n: int, n_chosen: int) -> float:
        tried = algorithm(sample.shards(n).parts(1), n_chosen, n_chosen)
        # Rows as far apart as those that there will be: among others, distances are found faster.
        tried.rows = tried.chosen_from([sample.rows(n)]).indices.tolist()
        with MeasuredEngine(1, request.n_threads) as engine:
            engine.open(Job(tried.parts, tried.work, tried.settings(), tried.replay))
            return fewest_seconds(lambda: tried.measure(engine), clock_of(request))

    return (
        measured_or_grown(coreset, (of_worker, size), (most_rows, _MOST_CHOSEN))
        + measured_or_grown(
            choice, (min(n_workers * size, n_rows), k), (min(most_rows, _MOST_CANDIDATES),) * 2
        )
        + measured_or_grown(measures, (of_worker, min(k, of_worker)), (most_rows, _MOST_MEASURED))
    )
