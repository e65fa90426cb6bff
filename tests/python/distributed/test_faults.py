"""What may go wrong with shards and drivers: a clear error, or the same result."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import thinset
from sharded_rows import same
from thinset import distributed
from thinset.command_line.process import Terminated

K = 40
DUPLICATES_APART = 1.5


class Stopped(Exception):  # noqa: N818 - not an error
    """Ends a selection after some rounds, as a killed driver does."""


def stopping(after):
    def report(done, total):
        report.n_rounds += 1
        if report.n_rounds == after:
            raise Stopped

    report.n_rounds = 0
    return report


def counting():
    def report(done, total):
        report.n_rounds += 1

    report.n_rounds = 0
    return report


def test_a_missing_shard_is_named(shards):
    shards[4].unlink()
    with pytest.raises(FileNotFoundError, match=r"shard not found: '.*4\.npy'"):
        distributed.select(shards, K, n_workers=2)


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'"])
def test_a_damaged_shard_is_named(shards, content):
    shards[4].write_bytes(content)
    with pytest.raises(distributed.ShardError, match=r"4\.npy"):
        distributed.select(shards, K, n_workers=2)


def test_a_truncated_shard_is_named(shards):
    os.truncate(shards[4], shards[4].stat().st_size - 8)
    with pytest.raises(distributed.ShardError, match=r"4\.npy"):
        distributed.select(shards, K, n_workers=2)


@pytest.mark.parametrize("n_workers", [1, 3])
@pytest.mark.parametrize("method", distributed.exact_methods())
def test_a_row_that_is_not_finite_is_named_as_on_one_machine(X, shards, method, n_workers):
    values = np.load(shards[4])
    values[100, 2] = np.nan
    np.save(shards[4], values)
    with pytest.raises(ValueError, match=r"row 351, column 2 is nan \(row 100 of .*4\.npy"):
        thinset.select(shards, K, method)
    with pytest.raises(distributed.ShardError, match=r"row 351, column 2 is nan \(row 100 of .*4"):
        distributed.select(shards, K, method, n_workers=n_workers)


@pytest.mark.parametrize("method", distributed.exact_methods())
def test_a_shard_that_changes_meanwhile_is_named(X, shards, method):
    def change(done, total):
        os.utime(shards[2], ns=(1, 1))

    with pytest.raises(distributed.ShardChangedError, match=r"2\.npy changed during the select"):
        distributed.select(shards, K, method, n_workers=2, progress=change)


@pytest.mark.parametrize("stop_after", [1, 2, 5])
@pytest.mark.parametrize(
    ("method", "options"),
    [
        *[(method, {}) for method in distributed.exact_methods()],
        ("max_min", {"rounds": 2}),
        ("facility_location", {"rounds": 2}),
    ],
)
def test_a_stopped_driver_continues_after_the_last_round(
    shards, tmp_path, method, options, stop_after
):
    def run(folder=None, n_workers=3, **more):
        return distributed.select(
            shards,
            K,
            method,
            n_workers=n_workers,
            folder=folder,
            checkpoint_seconds=0,
            **options,
            **more,
        )

    all_rounds = counting()
    expected = run(progress=all_rounds)
    folder = tmp_path / "run"
    if all_rounds.n_rounds <= stop_after:
        stop_after = all_rounds.n_rounds
    with pytest.raises(Stopped):
        run(folder, progress=stopping(stop_after))
    others = counting()
    # Only these depend on who held what.
    now = 3 if "rounds" in options or method == "kmeans" else 5
    same(run(folder, now, progress=others), expected)
    # The round that completes a selection is done again if nothing was written after it.
    assert others.n_rounds <= max(1, all_rounds.n_rounds - stop_after)
    same(run(folder, progress=stopping(1)), expected)  # complete: no round


def test_near_duplicates_continue_too(shards, tmp_path):
    def run(**more):
        return distributed.deduplicate(
            shards, DUPLICATES_APART, n_workers=5, checkpoint_seconds=0, **more
        )

    with pytest.raises(Stopped):
        run(folder=tmp_path / "run", progress=stopping(2))
    rounds = counting()
    found = run(folder=tmp_path / "run", progress=rounds)
    assert rounds.n_rounds == 3
    assert found.groups.tolist() == thinset.deduplicate(shards, DUPLICATES_APART).groups.tolist()


def test_the_manifest_has_the_digests_that_others_compute(shards, tmp_path):
    distributed.select(shards, K, n_workers=2, folder=tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    expected = subprocess.run(["sha256sum", *shards], capture_output=True, text=True, check=True)
    assert [shard["digest"] for shard in manifest["shards"]] == re.findall(
        r"^[0-9a-f]{64}", expected.stdout, re.MULTILINE
    )
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["rounds"] >= 2
    assert report["bytes_received"] > 0


def test_a_folder_of_another_selection_or_of_other_shards_is_refused(X, shards, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Stopped):
        distributed.select(shards, K, folder=folder, progress=stopping(1))
    with pytest.raises(ValueError, match="another selection: n_samples is 40 there, 41 now"):
        distributed.select(shards, K + 1, folder=folder)
    with pytest.raises(ValueError, match="method is 'topk' there, 'max_min' now"):
        distributed.select(shards, K, "max_min", folder=folder)
    with pytest.raises(ValueError, match="random_state=None draws another seed in every call"):
        distributed.select(shards, K, random_state=None, folder=folder)
    with pytest.raises(distributed.ShardChangedError, match="is of 6 shards, now there are 5"):
        distributed.select(shards[:5], K, folder=folder)
    np.save(shards[2], np.load(shards[2]) + 1)
    with pytest.raises(distributed.ShardChangedError, match=r"2\.npy is not the shard .*: digest"):
        distributed.select(shards, K, folder=folder)
    # Touched, or copied, is not changed.
    np.save(shards[2], X[3:250])
    same(distributed.select(shards, K, folder=folder), thinset.select(X, K))


def test_a_damaged_checkpoint_is_refused(shards, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Stopped):
        distributed.deduplicate(
            shards, 1, n_workers=3, folder=folder, checkpoint_seconds=0, progress=stopping(1)
        )
    state = bytearray((folder / "state.npz").read_bytes())
    state[100] ^= 1
    (folder / "state.npz").write_bytes(state)
    with pytest.raises(ValueError, match=r"state\.npz is damaged: .*; remove it to start again"):
        distributed.deduplicate(shards, 1, n_workers=3, folder=folder)


def test_a_killed_driver_leaves_a_folder_that_continues(shards, tmp_path):
    """SIGKILL while the other checkpoints are written."""
    program = """
import os, signal, sys
from thinset import distributed
def kill(done, total):
    if done >= 2:
        os.kill(os.getpid(), signal.SIGKILL)
distributed.deduplicate(
    sys.argv[2:], 1.5, n_workers=5, folder=sys.argv[1], checkpoint_seconds=0, progress=kill
)
"""
    folder = tmp_path / "run"
    ended = subprocess.run([sys.executable, "-c", program, folder, *shards], check=False)
    assert ended.returncode == -9
    rounds = counting()
    found = distributed.deduplicate(
        shards, DUPLICATES_APART, n_workers=5, folder=folder, progress=rounds
    )
    assert rounds.n_rounds == 3
    assert found.groups.tolist() == thinset.deduplicate(shards, DUPLICATES_APART).groups.tolist()


def test_a_folder_of_another_column_is_refused(X, tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"first": list(X), "second": list(-X)})
    file = tmp_path / "rows.parquet"
    parquet.write_table(table, file)

    def run(column, **more):
        return distributed.select(file, K, column=column, folder=tmp_path / "run", **more)

    with pytest.raises(Stopped):
        run("first", checkpoint_seconds=0, progress=stopping(1))
    for _ in range(2):
        with pytest.raises(ValueError, match="another selection: column is 'first' there"):
            run("second")
        run("first")


@pytest.mark.parametrize("digests", [True, False])
def test_a_folder_of_another_array_is_refused(X, tmp_path, digests):
    folder = tmp_path / "run"
    distributed.select(X, K, folder=folder, digests=digests)
    with pytest.raises(distributed.ShardChangedError, match="shard 0 is not the shard"):
        distributed.select(X + 1, K, folder=folder, digests=digests)


def test_a_complete_folder_gives_the_ids_that_are_asked_for(X, shards, tmp_path):
    for ids in (None, np.arange(len(X)) + 7, np.arange(len(X)).astype(str)):
        found = distributed.select(shards, K, ids=ids, folder=tmp_path / "run")
        if ids is None:
            assert found.ids is None
        else:
            assert found.ids.tolist() == ids[found.indices].tolist()


def test_results_without_a_manifest_and_damaged_ones_are_refused(shards, tmp_path):
    folder = tmp_path / "run"
    distributed.select(shards, K, folder=folder)
    manifest = folder / "manifest.json"
    text = manifest.read_text()
    content = json.loads(text)
    del content["sha256"]
    for changed in (
        {"version": 2},
        {"shards": "none"},
        {"shards": [{}] * 6},
        {"shards": ["name"] * 6},
    ):
        manifest.write_text(json.dumps({**content, **changed}))
        with pytest.raises(ValueError, match="of another version of thinset, or damaged"):
            distributed.select(shards, K, folder=folder)
    manifest.unlink()
    with pytest.raises(ValueError, match=r"holds selection\.npz, but no manifest\.json"):
        distributed.select(shards, K + 1, folder=folder)
    manifest.write_text(text)
    (folder / "selection.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"run/selection\.npz.*remove the file to select again"):
        distributed.select(shards, K, folder=folder)


@pytest.mark.parametrize("row", [0, 100])
def test_a_row_is_named_where_workers_read_other_parts(X, shards, row):
    values = np.load(shards[4])
    values[row, 2] = np.inf
    np.save(shards[4], values)
    expected = rf"row {251 + row}, column 2 is inf \(row {row} of .*4\.npy"
    with pytest.raises(distributed.ShardError, match=expected):
        distributed.deduplicate(shards, 1, n_workers=3)
    with pytest.raises(distributed.ShardError, match=expected):
        distributed.select(shards, K, "facility_location", rounds=2, n_workers=3)
    values[row] = 0
    np.save(shards[4], values)
    expected = rf"row {251 + row} is all zeros \(row {row} of .*4\.npy"
    with pytest.raises(distributed.ShardError, match=expected):
        distributed.deduplicate(shards, 0.1, metric="cosine", n_workers=3)
    with pytest.raises(distributed.ShardError, match=expected):
        distributed.select(shards, K, "facility_location", rounds=2, n_workers=3, metric="cosine")


def test_a_shard_that_is_truncated_meanwhile_is_named(shards):
    with pytest.raises(distributed.ShardChangedError, match=r"4\.npy changed during the select"):
        distributed.select(
            shards, K, "max_sum", n_workers=2, progress=lambda *_: os.truncate(shards[4], 200)
        )


def test_a_folder_is_not_a_shard(shards):
    with pytest.raises(IsADirectoryError, match=r"must be a file; name those of the folder"):
        distributed.select(shards[0].parent, K)


@pytest.mark.parametrize("seconds", [-1, float("nan"), "1"])
def test_seconds_between_checkpoints_are_a_number(shards, seconds):
    with pytest.raises(ValueError, match="checkpoint_seconds must be a number of at least 0, got"):
        distributed.select(shards, K, checkpoint_seconds=seconds)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), Terminated(15), SystemExit(), distributed.WorkerLostError()]
)
def test_an_interrupted_selection_continues_after_the_last_round(shards, tmp_path, error):
    """Also if the last checkpoint is recent."""

    def interrupt(done, total):
        if done == K // 2:
            raise error

    with pytest.raises(type(error)):
        distributed.select(shards, K, "max_sum", folder=tmp_path / "run", progress=interrupt)
    rounds = counting()
    found = distributed.select(shards, K, "max_sum", folder=tmp_path / "run", progress=rounds)
    same(found, thinset.select(shards, K, "max_sum"))
    assert rounds.n_rounds == K - K // 2
