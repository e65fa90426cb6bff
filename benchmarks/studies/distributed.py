"""Selection by many workers, simulated on one machine: rounds, bytes, seconds of each round.

    python benchmarks/studies/distributed.py shards FOLDER --rows 100000000 --columns 16
    python benchmarks/studies/distributed.py simulate FOLDER METHOD K --workers 16 [--rounds 2]
    python benchmarks/studies/distributed.py two-rounds FOLDER METHOD K --workers 16
    python benchmarks/studies/distributed.py ray FOLDER
    python benchmarks/studies/distributed.py latency

`shards` writes .npy files of a million rows: 4 directions that matter, and noise (seed 0). The
workers of `simulate` share this process and work one after the other, so a round on machines like
this one takes the longest of its workers, which is measured, and the latency of a round (LATENCY,
what a Ray cluster on one machine takes for an empty call). Seconds are those of the processor.
`two-rounds` compares with the exact choice. `ray` compares a cluster of two workers with the plain
call. `latency` measures rounds without work: of Ray, and under torchrun of torch.distributed.

The figures are those of docs/distributed.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import thinset
from thinset import distributed
from thinset.distributed.engine import Engine, Job
from thinset.distributed.measured_engine import MeasuredEngine
from thinset.distributed.ray_engine import RayEngine
from thinset.distributed.shards import list_shards
from thinset.distributed.torch_engine import TorchEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ROWS_PER_SHARD = 1_000_000
LATENCY = 0.002
BANDWIDTH = 1e9
RAY_CASES = (("topk", 10_000), ("max_min", 300), ("max_min", 2000), ("kmeans", 50))


def write_shards(folder: Path, n_rows: int, n_columns: int) -> None:
    folder.mkdir(parents=True)
    directions = np.random.default_rng(0).normal(size=(4, n_columns)).astype(np.float32)
    for number in range(-(-n_rows // ROWS_PER_SHARD)):
        generator = np.random.default_rng([0, number])
        n = min(ROWS_PER_SHARD, n_rows - number * ROWS_PER_SHARD)
        rows = generator.standard_normal((n, 4), np.float32) @ directions
        rows += 0.3 * generator.standard_normal((n, n_columns), np.float32)
        np.save(folder / f"part-{number:05d}.npy", rows)


def simulate(
    folder: Path, method: str, k: int, workers: int, at_once: int, **options: Any
) -> dict[str, Any]:
    """What one selection exchanges and takes, and what was predicted before."""
    files = sorted(folder.glob("part-*.npy"))
    predicted = distributed.estimate(
        files, k, method, n_workers=workers, latency=LATENCY, bandwidth=BANDWIDTH, **options
    )
    engine = MeasuredEngine(workers, at_once=at_once)
    started, cpu = time.perf_counter(), time.process_time()
    with engine:
        chosen = distributed.select(
            files, k, method, engine=engine, digests=False, n_threads=1, **options
        )
        # Before the workers of other machines would have to be released.
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    traffic = engine.traffic
    n_bytes = traffic.bytes_sent + traffic.bytes_received
    slowest = [max(measured.seconds) for measured in engine.measured]
    of_workers = sum(sum(measured.seconds) for measured in engine.measured)
    # What the driver does between the rounds.
    driver = max(0.0, cpu - of_workers)
    by_call: dict[str, list[float]] = {}
    for measured, seconds in zip(engine.measured, slowest, strict=True):
        by_call.setdefault(measured.name, []).append(seconds)
    return {
        "rows": chosen.n_total, "method": method, "k": k, "workers": workers, **options,
        "rounds": traffic.rounds, "MB": n_bytes / 1e6, "wall s": wall, "cpu s": cpu,
        "slowest worker of each round, summed s": sum(slowest), "driver s": driver,
        "mean worker s": of_workers / workers, "median round s": float(np.median(slowest)),
        "slowest by call s": {name: [len(each), sum(each)] for name, each in by_call.items()},
        "s on as many machines": sum(slowest) + driver + LATENCY * traffic.rounds
        + n_bytes / BANDWIDTH,
        "predicted": dataclasses.asdict(predicted),
        "certificates": dict(chosen.certificates.known),
    }  # fmt: skip


def against_exact(folder: Path, method: str, k: int, workers: int) -> dict[str, Any]:
    """Two rounds beside the exact choice, by the figure that the method is for."""
    files = sorted(folder.glob("part-*.npy"))
    rows = [np.load(file, mmap_mode="r") for file in files]
    started = time.process_time()
    exact = thinset.select(rows, k, method)
    exact_seconds = time.process_time() - started
    started = time.process_time()
    quick = distributed.select(files, k, method, rounds=2, n_workers=workers, digests=False)
    seconds = time.process_time() - started
    name = "covering_radius" if method == "max_min" else "sum_of_pairwise_distances"
    figure = {"exact": exact.objective[name], "quick": quick.objective[name]}
    return {
        "method": method, "k": k, "workers": workers, **figure,
        "ratio": figure["quick"] / figure["exact"], "certificates": dict(quick.certificates),
        "cpu s exact": exact_seconds, "cpu s two rounds": seconds,
    }  # fmt: skip


def against_ray(folder: Path, cases: Sequence[tuple[str, int]] = RAY_CASES) -> list[dict[str, Any]]:
    """Wall-clock seconds of the plain call and of two Ray workers, by turns."""
    import ray

    files = sorted(folder.glob("part-*.npy"))
    rows = [np.load(file, mmap_mode="r") for file in files]
    started = time.perf_counter()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    found: list[dict[str, Any]] = [{"starting ray s": time.perf_counter() - started}]
    for method, k in cases:
        plain, clustered, rounds = [], [], 0
        for _ in range(3):
            started = time.perf_counter()
            one = thinset.select(rows, k, method)
            plain.append(time.perf_counter() - started)
            started = time.perf_counter()
            with RayEngine(2) as engine:
                many = distributed.select(files, k, method, engine=engine, digests=False)
            clustered.append(time.perf_counter() - started)
            rounds = engine.traffic.rounds
            assert np.array_equal(one.indices, many.indices)
        found.append(
            {"method": method, "k": k, "rounds": rounds, "plain s": plain, "ray s": clustered}
        )
    return found


class Nothing:
    """Work that takes no time."""

    def __init__(self, _rows: object) -> None:
        pass

    def echo(self, values: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        return (values,)


def latency() -> dict[str, Any]:
    """Seconds of rounds without work on this machine: of torch under torchrun, else of Ray."""
    engine: Engine = TorchEngine() if "RANK" in os.environ else RayEngine(2)
    found: dict[str, Any] = {"engine": engine.name, "workers": engine.n_workers}
    with engine:
        listed = list_shards(np.zeros((engine.n_workers, 1), np.float32))
        parts = listed.parts(engine.n_workers)
        engine.open(Job(parts, Nothing, {}, lambda _: []))
        for size in (1, 10_000):
            engine.traffic.seconds.clear()
            for _ in range(500):
                engine.call("echo", np.zeros(size))
            seconds = engine.traffic.seconds
            found[f"{8 * size:,} bytes"] = {
                "least s": min(seconds),
                "quartiles s": np.quantile(seconds, [0.25, 0.5, 0.75]).tolist(),
            }
    return found


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["shards", "simulate", "two-rounds", "ray", "latency"])
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    parser.add_argument("method", nargs="?", default="max_min")
    parser.add_argument("k", nargs="?", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--columns", type=int, default=16)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--coreset-size", type=int)
    parser.add_argument("--at-once", type=int, default=1)
    given = parser.parse_args(arguments)
    if given.what == "shards":
        write_shards(given.folder, given.rows, given.columns)
        return
    found: Any
    if given.what == "simulate":
        asked = {"rounds": given.rounds, "coreset_size": given.coreset_size}
        options = {name: value for name, value in asked.items() if value is not None}
        found = simulate(
            given.folder, given.method, given.k, given.workers, given.at_once, **options
        )
    elif given.what == "two-rounds":
        found = against_exact(given.folder, given.method, given.k, given.workers)
    elif given.what == "ray":
        found = against_ray(given.folder)
    else:
        found = latency()
        if os.environ.get("RANK", "0") != "0":
            return
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
