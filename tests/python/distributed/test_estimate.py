"""Predictions from a sample, against what the selection of all rows takes."""

from __future__ import annotations

import importlib
import time

import numpy as np
import pytest

import thinset
from thinset import distributed
from thinset.distributed import pilot
from thinset.distributed.local_engine import LocalEngine
from thinset.distributed.measured_engine import MeasuredEngine
from thinset.distributed.shards import list_shards

WITHIN = 0.25


@pytest.fixture
def small_samples(monkeypatch):
    """Samples of 4,000 rows of 16 numbers, so that 64,000 rows are many."""
    module = importlib.import_module("thinset.distributed.estimate")  # the function has its name
    for name, value in {"_NUMBERS": 64_000, "_FEWEST_PICKS": 100, "_MOST_PICKS": 250}.items():
        monkeypatch.setattr(module, name, value)


def rows_in_few_directions(n):
    """What a normal distribution does not tell: most of the spread is in three directions."""
    generator = np.random.default_rng(1)
    rows = generator.standard_normal((n, 3)) @ generator.standard_normal((3, 16))
    return (rows + 0.1 * generator.standard_normal((n, 16))).astype(np.float32)


@pytest.mark.parametrize(
    ("method", "k", "options"),
    [
        ("topk", 1600, {}),
        ("max_min", 100, {}),
        ("max_min", 1000, {}),
        ("max_sum", 200, {}),
        ("kmeans", 100, {"n_iterations": 3}),
        ("max_min", 1000, {"rounds": 2}),
        ("max_min", 1000, {"rounds": 2, "coreset_size": 250}),
    ],
)
def test_rounds_and_bytes_are_those_of_all_rows(small_samples, method, k, options):
    X = rows_in_few_directions(64_000)
    if method == "topk":  # whose columns do not share their best rows here
        X = np.random.default_rng(2).standard_normal((64_000, 16)).astype(np.float32)
    predicted = distributed.estimate(X, k, method, n_workers=8, **options)
    engine = LocalEngine(8)
    distributed.select(X, k, method, engine=engine, n_threads=1, **options)
    traffic = engine.traffic
    exchanged = traffic.bytes_sent + traffic.bytes_received
    assert predicted.rounds == pytest.approx(traffic.rounds, rel=WITHIN)
    assert predicted.bytes_sent + predicted.bytes_received == pytest.approx(exchanged, rel=WITHIN)
    assert predicted.seconds_low < predicted.seconds < predicted.seconds_high
    assert "of 64,000 rows" in predicted.basis


def test_a_sample_of_all_rows_takes_what_the_selection_takes():
    X = rows_in_few_directions(3000)
    predicted = distributed.estimate(X, 50, "max_min", n_workers=4)
    engine = MeasuredEngine(4)
    distributed.select(X, 50, "max_min", engine=engine, n_threads=1)
    assert predicted.rounds == engine.traffic.rounds
    assert predicted.bytes_received == engine.traffic.bytes_received
    assert predicted.basis == "measured on 3,000 of 3,000 rows"
    assert [measured.name for measured in engine.measured][:: engine.traffic.rounds + 1] == [
        "open",
        "release",
    ]
    assert all(len(measured.seconds) == 4 for measured in engine.measured)


def test_latency_bytes_and_reading_count(tmp_path):
    X = rows_in_few_directions(3000)
    np.save(tmp_path / "0.npy", X)
    shards = str(tmp_path / "*.npy")
    far = distributed.estimate(shards, 50, n_workers=3, latency=1e6)
    assert far.seconds == pytest.approx(1e6 * far.rounds, rel=1e-3)
    slow = distributed.estimate(shards, 50, n_workers=3, read_bandwidth=1.0)
    assert slow.seconds == pytest.approx(X.nbytes / 3, rel=1e-3)
    assert slow.describe().endswith("rows are read at 1 bytes per second")
    shape = thinset.estimate(X.shape, 50, workers=3, read_bandwidth=1.0)
    assert shape.seconds == pytest.approx(X.nbytes / 3, rel=1e-3)
    assert thinset.estimate(X.shape, 50, workers=3).describe().endswith("is not counted")


@pytest.mark.parametrize("n_rows", [1, 7, 3000])
def test_a_sample_is_of_all_shards_in_their_order(tmp_path, n_rows):
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    rows = np.arange(3000, dtype=np.float32)[:, None] + np.float32([0, 0.5])
    for number, piece in enumerate(np.split(rows, [100, 101, 2000])):
        table = pyarrow.table({"vector": list(piece)})
        parquet.write_table(table, tmp_path / f"{number}.parquet", row_group_size=300)
    sample = pilot.draw(list_shards(tmp_path / "*.parquet"), n_rows)
    drawn = sample.values[:, 0].astype(int)
    assert len(set(drawn)) == len(drawn) == n_rows
    assert (np.diff(drawn) > 0).all()
    assert sample.values.tobytes() == rows[drawn].tobytes()
    assert drawn[0] < 300
    assert n_rows == 1 or drawn[-1] == 2999
    assert sample.reading > 0


def test_what_would_be_refused_is(tmp_path):
    X = rows_in_few_directions(100)
    with pytest.raises(ValueError, match="rounds=2, which is approximate"):
        distributed.estimate(X, 9, "facility_location", n_workers=2)
    with pytest.raises(ValueError, match=r"workers must be an int in \[1, 65,536\], got 0"):
        distributed.estimate(X, 9, n_workers=0)
    with pytest.raises(ValueError, match="read_bandwidth must be a number above 0, got 0"):
        distributed.estimate(X, 9, n_workers=2, read_bandwidth=0)
    with pytest.raises(FileNotFoundError, match="no file matches"):
        distributed.estimate(tmp_path / "*.npy", 9, n_workers=2)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(
    ("method", "k", "options"),
    [
        ("topk", 20_000, {}),
        ("max_min", 200, {}),
        ("max_min", 20_000, {"rounds": 2, "coreset_size": 2500}),
        ("max_sum", 200, {}),
        ("kmeans", 50, {"n_iterations": 3}),
    ],
)
def test_seconds_are_those_of_a_simulation(tmp_path, method, k, options):
    # Twice as many rows as the largest sample. Of a machine that has other work, the best counts.
    generator = np.random.default_rng(0)
    directions = generator.standard_normal((4, 16))
    for number in range(8):
        rows = generator.standard_normal((1_000_000, 4)) @ directions
        rows += 0.3 * generator.standard_normal((1_000_000, 16))
        np.save(tmp_path / f"{number}.npy", rows.astype(np.float32))
    shards, ratios = str(tmp_path / "*.npy"), []
    while len(ratios) < 3 and not any(1 / 1.25 < ratio < 1.25 for ratio in ratios):
        predicted = distributed.estimate(shards, k, method, n_workers=8, **options)
        with MeasuredEngine(8) as engine:
            started = time.process_time()
            distributed.select(
                shards, k, method, engine=engine, digests=False, n_threads=1, **options
            )
            taken = time.process_time() - started
        workers = [measured.seconds for measured in engine.measured]
        driver = taken - sum(map(sum, workers))
        n_bytes = engine.traffic.bytes_sent + engine.traffic.bytes_received
        simulated = sum(map(max, workers)) + driver
        simulated += 1e-3 * engine.traffic.rounds + n_bytes / 1e9
        ratios.append(predicted.seconds / simulated)
    assert any(1 / 1.25 < ratio < 1.25 for ratio in ratios), ratios
